"""The name of a column goes in; the channel that it is comes out: its names in Korean and English, its unit, what values it can have.

The first 26 are the features of SensorLM (Zhang et al. 2025, arXiv:2506.09108) in minutes, named as its released code names them, in the
order in which LSM (Narayanswamy et al. 2025) lists them; `mean` and `deviation` are that release's own for standardising. What a channel
is called in Korean, the values that it can have and how many digits are told are ours, and so are the channels after the 26th.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from hannun import hangul

MINUTES = 1440


@final
@dataclass(frozen=True)
class Channel:
    """One thing that is measured.

    Attributes:
        key: its name in the paper, or ours.
        korean, english: what it is called in captions.
        unit: of its values; "" where they have none.
        group: what captions name together: Heart, Activity, Sleep, Skin (the paper's EDA), Motion (ours).
        low, high: values beyond these are no measurements.
        mean, deviation: of the release's training data; of other channels ours, round numbers.
        told: whether captions speak of it by default, as the release selects.
        total: whether the values of a minute are added, not averaged.
        digits: after the point, in captions.
        names: other names of columns that hold it, in lower case.
    """

    key: str
    korean: str
    english: str
    unit: str
    group: str
    low: float
    high: float
    mean: float
    deviation: float
    told: bool = False
    total: bool = False
    digits: int = 1
    names: tuple[str, ...] = ()


_HR = ("hr", "bpm", "heart rate", "heartrate", "pulse", "beats per minute", "average heart rate (bpm)", "심박", "심박수", "맥박")
_STEPS = ("steps", "step count", "step_count", "stepcount", "걸음", "걸음수", "보수")
_WARM = ("wrist_temperatures", "skin temperature", "temperature", "피부온도", "피부 체온", "체온")
_ENERGY = ("calories (kcal)", "kcal", "칼로리")
_RESTING, _RR, _EDA = ("resting heart rate",), ("rr", "rr_med", "박동간격"), ("eda", "gsr", "피부전도도")
_SDNN = ("sdnn", "심박변이")
_A, _B = "unit of the device", ""

#: The 26 features of a minute, in the paper's order.
FEATURES: tuple[Channel, ...] = (
    Channel("HR", "심박수", "heart rate", "bpm", "Heart", 25, 250, 75.9586, 16.1887, told=True, names=_HR),
    Channel("hr_at_rest_mean", "안정 심박수", "resting heart rate", "bpm", "Heart", 25, 150, 82.8692, 10.8678, names=_RESTING),
    Channel("hrv_percent_good", "유효 박동 비율", "share of valid beats", _B, "Heart", 0, 1, 0.2715, 0.2762, digits=2),
    Channel("hrv_rr_80th_percentile_mean", "박동 간격 상위", "RR 80th percentile", "ms", "Heart", 240, 2400, 828.8906, 108.4043),
    Channel("hrv_rr_20th_percentile_mean", "박동 간격 하위", "RR 20th percentile", "ms", "Heart", 240, 2400, 734.5943, 88.4127),
    Channel("hrv_rr_median", "박동 간격", "RR interval", "ms", "Heart", 240, 2400, 780.9255, 94.8684, told=True, names=_RR),
    Channel("rmssd_percentile_0595", "심박 변이 RMSSD", "RMSSD", "ms", "Heart", 0, 400, 34.1895, 23.7834, names=("rmssd", "hrv")),
    Channel("sdnn_percentile_0595", "심박 변이 SDNN", "SDNN", "ms", "Heart", 0, 400, 45.3356, 24.386, told=True, names=_SDNN),
    Channel("hrv_shannon_entropy_rr", "박동 엔트로피", "entropy of RR", "nats", "Heart", 0, 8, 3.2953, 0.4648, told=True, digits=2),
    Channel("hrv_shannon_entropy_rrd", "박동 차이 엔트로피", "entropy of RR differences", "nats", "Heart", 0, 8, 2.9811, 0.4882, digits=2),
    Channel("steps", "걸음 수", "step count", "a minute", "Activity", 0, 300, 5.1679, 18.8926, told=True, total=True, names=_STEPS),
    Channel("jerk_auto", "움직임 자기상관", "jerk autocorrelation", _A, "Activity", 0, 255, 203.4672, 30.0563, told=True, names=("jerk",)),
    Channel("log_energy", "움직임 에너지", "log energy", _A, "Activity", 0, 255, 53.0804, 49.6526, told=True),
    Channel("covariance", "축 공분산", "covariance condition", _A, "Activity", 0, 255, 43.4077, 13.9529),
    Channel("log_energy_ratio", "에너지 비율", "log energy ratio", _A, "Activity", 0, 255, 44.8483, 22.9746),
    Channel("zero_crossing_std", "영교차 편차", "zero crossing deviation", _A, "Activity", 0, 255, 155.1863, 28.2378),
    Channel("zero_crossing_avg", "영교차 평균", "zero crossing average", _A, "Activity", 0, 255, 51.0043, 37.4756),
    Channel("axis_mean", "축 평균", "axis mean", _A, "Activity", 0, 255, 123.1659, 21.471),
    Channel("kurtosis", "움직임 첨도", "kurtosis", _A, "Activity", 0, 255, 105.5954, 66.8495, told=True),
    Channel("sleep_coefficient", "수면 계수", "sleep coefficient", _A, "Sleep", 0, 255, 7.2623, 5.3946, told=True),
    Channel("eda_level_real", "피부 전도도", "skin conductance", "µS", "Skin", 0, 60, 4.1767, 5.5893, told=True, names=_EDA),
    Channel("ceda_slope_real_micro_siemens", "전도도 기울기", "skin conductance slope", "µS/h", "Skin", -5, 5, 3.2444, 1.822),
    Channel("leads_contact_counts", "접촉 횟수", "lead contact counts", _B, "Skin", 0, 1000, 226.4864, 67.3312),
    Channel("skin_temperature_magnitude", "피부 온도", "skin temperature", "°C", "Skin", 10, 45, 31.4697, 1.7003, told=True, names=_WARM),
    Channel("skin_temperature_slope", "온도 기울기", "skin temperature slope", "°C/h", "Skin", -200, 200, 0.2656, 17.2665),
    Channel("altim_std", "고도 편차", "altimeter deviation", "hPa", "Activity", 0, 10, 0.0042, 0.0597, digits=3),
)  # fmt: skip

#: What else wearables measure: not among the paper's features, so that a table of a day leaves it out, but captions name it.
OTHERS: tuple[Channel, ...] = (
    *(
        Channel(f"{key}_{a}", f"{korean} {a}", f"{english} {a}", unit, "Motion", -1e5, 1e5, 0, 1, told=True, digits=2, names=names)
        for key, korean, english, unit, short in (("acc", "가속도", "acceleration", "g", "a"), ("gyro", "각속도", "rotation", "rad/s", "g"))
        for a in "xyz"
        for names in ((f"{short}{a}", f"{key[:3]}el_{a}", f"{korean}{a}", f"{korean}_{a}", *([a] if key == "acc" else [f"gyr_{a}"])),)
    ),
    Channel("intensity", "활동 강도", "intensity", _B, "Activity", 0, 3, 0, 1, told=True, names=("활동강도", "강도")),
    Channel("calories", "소모 열량", "energy burned", "kcal", "Activity", 0, 60, 1.5, 1.5, total=True, names=_ENERGY),
    Channel("spo2", "산소 포화도", "oxygen saturation", "%", "Heart", 50, 100, 95.2019, 2.4646, told=True, names=("산소포화도", "oxygen")),
)  # fmt: skip

KNOWN: Mapping[str, Channel] = {c.key: c for c in (*FEATURES, *OTHERS)}
#: Of one minute: what makes a table of a whole day. The others may be of any rate.
MINUTELY = frozenset(c.key for c in FEATURES) | {"intensity", "calories", "spo2"}
_BY_NAME = {name: c.key for c in KNOWN.values() for name in (c.key.lower(), c.english.lower(), c.korean, *c.names)}
_UNIT = re.compile(r"\s*[\[(][^\])]*[\])]\s*$")


def recognised(column: str) -> str | None:
    """The key of the channel that a column of this name holds; None where the name tells none."""
    plain = hangul.normalise(column).strip().lower()
    for name in (plain, _UNIT.sub("", plain), plain.replace("-", "_"), plain.replace("_", " "), plain.replace(" ", "")):
        if name in _BY_NAME:
            return _BY_NAME[name]
    return None


def channel(key: str) -> Channel:
    """The channel of a key; one that is not known is called by its own name, and may have any values."""
    return KNOWN.get(key) or Channel(key, key, key, "", "Other", float("-inf"), float("inf"), 0.0, 1.0, told=True, digits=2)


def spoken(keys: Sequence[str]) -> list[str]:
    """The keys that captions speak of by default: those that the release selects, or all where it selects none of them."""
    return [k for k in keys if channel(k).told] or list(keys)
