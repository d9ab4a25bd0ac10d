"""The objectives on numbers that a reader can work out by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.objectives import agreement as agreeing  # noqa: E402
from hannun.objectives import distill, flow, ranking, tiles  # noqa: E402  # noqa: E402
from hannun.objectives import sigmoid as siglip  # noqa: E402
from hannun.objectives.agreement import agreement  # noqa: E402
from hannun.objectives.distill import distributions, neighbours, similarities, vectors  # noqa: E402
from hannun.objectives.infonce import LARGEST_SCALE, START_TEMPERATURE, bounded, infonce, same  # noqa: E402
from hannun.objectives.late_interaction import late_interaction, maxsim  # noqa: E402
from hannun.objectives.matryoshka import matryoshka  # noqa: E402
from hannun.objectives.ranking import cosent  # noqa: E402
from hannun.objectives.sigmoid import sigmoid  # noqa: E402

AXES = torch.eye(2)
EVERY = slice(0, None)


def units(*shape: int, seed: int = 0) -> torch.Tensor:
    """Random unit rows."""
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


def gradients(loss: torch.Tensor, *of: torch.Tensor) -> torch.Tensor:
    return torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, of)])


def test_constants_are_their_sources() -> None:
    assert (START_TEMPERATURE, LARGEST_SCALE) == (0.07, 100.0)  # CLIP
    assert (siglip.START_SCALE, siglip.START_BIAS) == (10.0, -10.0)  # SigLIP
    assert ranking.SCALE == 20.0  # CoSENT
    assert agreeing.TEMPERATURE > 0.02  # where a softmax is a hard label


def test_infonce_of_two_orthogonal_pairs() -> None:
    # Scores are [[s, 0], [0, s]] with s = ln 3: each row's own key has 3 / (3 + 1) of the weight.
    assert infonce(AXES, AXES, math.log(3)).item() == pytest.approx(math.log(4 / 3))


def test_infonce_of_equal_vectors_is_guessing() -> None:
    rows = torch.ones(4, 1)
    assert infonce(rows, rows, 7.0).item() == pytest.approx(math.log(4))


def test_a_false_negative_does_not_count() -> None:
    rows = torch.ones(4, 1)
    # Rows 0 and 1 say the same: each is left with itself and two others; rows 2 and 3 still see all four.
    loss = infonce(rows, rows, 1.0, ignore=same(torch.tensor([5, 5, 6, 7])))
    assert loss.item() == pytest.approx((2 * math.log(3) + 2 * math.log(4)) / 4)


def test_the_positive_is_never_ignored() -> None:
    assert infonce(AXES, AXES, 1.0, ignore=torch.ones(2, 2, dtype=torch.bool)).item() == pytest.approx(0.0)


def test_hard_negatives_count_for_queries_only() -> None:
    one, hard = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    # One query among its key and two equal negatives: ln 3; in the other direction the only choice is right: 0.
    assert infonce(one, hard, 1.0).item() == pytest.approx(math.log(3) / 2)
    assert infonce(one, hard, 1.0, symmetric=False).item() == pytest.approx(math.log(3))


def test_infonce_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="expected"):
        infonce(torch.ones(3, 2), torch.ones(2, 2), 1.0)
    with pytest.raises(ValueError, match="ignore"):
        infonce(AXES, AXES, 1.0, ignore=torch.zeros(2, 3, dtype=torch.bool))


def test_matryoshka_renormalises_each_prefix() -> None:
    first = torch.tensor([[3.0, 4.0]])

    def length(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a.norm() + 10 * a[0, 0] + 0 * b.sum()

    # dim 1: (3) → (1): 1 + 10; dim 2: (0.6, 0.8): 1 + 6. Their mean is 9, weighted 3 to 1 it is (33 + 7) / 4 = 10.
    assert matryoshka(length, first, first, (1, 2)).item() == pytest.approx(9.0)
    assert matryoshka(length, first, first, (1, 2), (3, 1)).item() == pytest.approx(10.0)


def test_matryoshka_refuses_a_dimension_beyond_the_vector() -> None:
    with pytest.raises(ValueError, match="between 1 and 2"):
        matryoshka(lambda a, b: a.sum(), AXES, AXES, (4,))


def test_similarities_are_zero_for_a_turned_copy() -> None:
    turned = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    assert similarities(turned, AXES).item() == pytest.approx(0.0)
    # Two equal students of two orthogonal teachers: the cosine is off by 1 in both places.
    assert similarities(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), AXES).item() == pytest.approx(1.0)


def test_similarities_are_differences_of_cosines() -> None:
    rows = units(4, 3)
    assert similarities(rows, rows).item() == pytest.approx(0, abs=1e-12)
    half = torch.tensor([[1.0, 0.0], [0.6, 0.8]])  # a cosine of 0.6 where the teacher has 0
    assert similarities(half, AXES).item() == pytest.approx(0.36)
    three = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])  # one pair of three is apart
    assert similarities(three, torch.eye(3)).item() == pytest.approx(0.36 / 3)


def test_similarities_leave_the_diagonal_out() -> None:
    assert similarities(2 * AXES, AXES).item() == 0.0  # lengths differ, and no two rows' similarity does


def test_similarities_give_the_teacher_no_gradient() -> None:
    teacher = torch.nn.functional.normalize(torch.randn(3, 2), dim=-1).requires_grad_()
    student = torch.nn.functional.normalize(torch.randn(3, 2), dim=-1).requires_grad_()
    similarities(student, teacher).backward()
    assert teacher.grad is None and student.grad is not None


def test_rows_that_do_not_fit_teach_nothing() -> None:
    for student, teacher in ((AXES[:1], AXES[:1]), (AXES, units(3, 2))):
        with pytest.raises(ValueError, match="two or more"):
            similarities(student, teacher)
    for second, scores in ((AXES[:1], torch.ones(2)), (AXES, torch.ones(1))):
        with pytest.raises(ValueError, match="the same number"):
            cosent(AXES, second, scores)


def test_distances_are_of_rows_and_weights_are_shares() -> None:
    student = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0]])  # as unit rows: equal, orthogonal and opposite to the teacher
    teacher = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-5.0, 0.0]])
    assert vectors(student, teacher).item() == pytest.approx((0 + 2 + 4) / 3)
    scores, target = torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    # ln 2 and 0 nats: weights of 0.1 and 0.3 count as 1/4 and 3/4.
    assert distributions(scores, target, torch.tensor([0.1, 0.3])).item() == pytest.approx(math.log(2) / 4)


def test_distributions_of_a_coin() -> None:
    # Equal scores guess one half each; a certain target is ln 2 away, a fair one 0. Weighted 3 to 1.
    scores, target = torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    assert distributions(scores, target).item() == pytest.approx(math.log(2) / 2)
    assert distributions(scores, target, torch.tensor([3.0, 1.0])).item() == pytest.approx(math.log(2) * 3 / 4)


def test_neighbours_do_not_see_themselves() -> None:
    rows = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), dim=-1)
    assert neighbours(rows, rows, 0.1).item() == pytest.approx(0.0, abs=1e-6)


def test_tiles_change_neither_loss_nor_gradient() -> None:
    q, k, scale = units(7, 5).requires_grad_(), units(11, 5, seed=1).requires_grad_(), torch.tensor(9.0, requires_grad=True)
    labels = torch.tensor([[0], [1], [0], [2], [3], [4], [5]]), torch.tensor([[0], [1], [0], [2], [3], [4], [5], [-1], [1], [-1], [-1]])
    more = {"labels": labels, "margin": 0.3, "log_q": torch.linspace(-3, -1, 11), "owners": torch.tensor([0, 3, 3, 6])}
    whole, tiled = infonce(q, k, scale, **more), infonce(q, k, scale, **more, tile=2)  # type: ignore[arg-type]
    assert tiled.item() == pytest.approx(whole.item(), rel=1e-6)
    torch.testing.assert_close(gradients(tiled, q, k, scale), gradients(whole, q, k, scale), rtol=1e-5, atol=1e-7)
    assert infonce(q, k, 9.0, tile=3).item() == pytest.approx(plain_infonce(q, k, 9.0), rel=1e-6)


def plain_infonce(q: torch.Tensor, k: torch.Tensor, scale: float) -> float:
    scores, target = q @ k.T * scale, torch.arange(len(q))
    entropy = torch.nn.functional.cross_entropy
    return ((entropy(scores, target) + entropy(scores[:, : len(q)].T, target)) / 2).item()


def test_labels_ignore_what_equals_and_nothing_unknown() -> None:
    rows = torch.ones(3, 1)
    # Queries 0 and 1 share their second label: each sees itself and row 2; query 2 sees all three. −1 equals nothing, not even −1.
    labels = torch.tensor([[1, 7], [2, 7], [-1, -1]])
    loss = infonce(rows, rows, 1.0, labels=(labels, labels), symmetric=False)
    assert loss.item() == pytest.approx((2 * math.log(2) + math.log(3)) / 3)


def test_a_margin_ignores_what_scores_above_the_positive() -> None:
    queries, keys = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8], [1.0, 0.0], [0.0, 1.0]])
    # Cosines 0.6, 1.0 and 0.0: the second is more than 0.1 above the positive and does not count.
    expected = math.log(1 + math.exp(0 - 0.6))
    assert infonce(queries, keys, 1.0, margin=0.1, symmetric=False).item() == pytest.approx(expected)
    assert infonce(queries, keys, 1.0, margin=0.5, symmetric=False).item() == pytest.approx(math.log(1 + math.exp(0.4) + math.exp(-0.6)))


def test_what_scores_as_the_positive_is_not_above_it() -> None:
    rows = torch.ones(2, 1)
    assert infonce(rows, rows, 1.0, margin=0.0).item() == pytest.approx(math.log(2))


def test_a_hard_negative_may_be_its_owners_alone() -> None:
    rows = torch.ones(2, 1)
    keys = torch.ones(3, 1)
    # Query 0 sees 2 keys and its own negative, query 1 only 2 keys.
    loss = infonce(rows, keys, 1.0, owners=torch.tensor([0]), symmetric=False)
    assert loss.item() == pytest.approx((math.log(3) + math.log(2)) / 2)
    with pytest.raises(ValueError, match="owners"):
        infonce(rows, keys, 1.0, owners=torch.tensor([0, 1]))


def test_log_q_takes_popularity_out() -> None:
    rows = torch.ones(2, 1)
    # Equal scores; key 0 is drawn three times as often, so it counts a third: 1/3 of 4/3 for query 0, 1 of 4/3 for query 1.
    loss = infonce(rows, rows, 1.0, log_q=torch.log(torch.tensor([3.0, 1.0])), symmetric=False)
    assert loss.item() == pytest.approx((math.log(4) + math.log(4 / 3)) / 2)


def test_the_scale_is_bounded() -> None:
    assert bounded(torch.tensor(math.log(20.0))).item() == pytest.approx(20.0)
    assert bounded(torch.tensor(9.0)).item() == 100.0


def test_sigmoid_of_two_orthogonal_pairs() -> None:
    # Own keys have the logit 2 · 1 − 1 = 1, the others 2 · 0 − 1 = −1: every one of the two terms of a row is softplus(−1).
    assert sigmoid(AXES, AXES, 2.0, -1.0).item() == pytest.approx(2 * math.log(1 + math.exp(-1)))
    equal = torch.tensor([[5], [5]])
    assert sigmoid(AXES, AXES, 2.0, -1.0, labels=(equal, equal)).item() == pytest.approx(math.log(1 + math.exp(-1)))
    assert sigmoid(AXES, AXES, 2.0, -1.0, tile=1).item() == pytest.approx(2 * math.log(1 + math.exp(-1)))


@pytest.mark.parametrize("keys", [AXES[:1], units(2, 3)], ids=["too few", "another length"])
def test_vectors_that_do_not_fit_are_refused(keys: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="expected"):
        infonce(AXES, keys, 1.0)
    with pytest.raises(ValueError, match="expected"):
        sigmoid(AXES, keys, 1.0, 0.0)
    with pytest.raises(ValueError, match="expected"):
        late_interaction(AXES[:, None], torch.ones(2, 1), keys[:, None], torch.ones(len(keys), 1), 1.0)
    # As many keys as queries are enough; one token each is a dense vector.
    late = late_interaction(AXES[:, None], torch.ones(2, 1), AXES[:, None], torch.ones(2, 1), 3.0)
    assert late.item() == pytest.approx(infonce(AXES, AXES, 3.0).item()) and sigmoid(AXES, AXES, 1.0, 0.0).item() > 0


def test_a_hard_negative_of_another_query_is_not_seen() -> None:
    # Key 2 equals query 0 and belongs to query 1, which it is orthogonal to: query 0 loses against its own key's equal only where
    # it sees it, and query 1 has two keys of cosine 0 beside its own.
    rows = torch.cat([AXES, AXES[:1]])
    loss = infonce(AXES, rows, 1.0, owners=torch.tensor([1]), symmetric=False)
    assert loss.item() == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + 2 * math.exp(-1))) / 2)


def test_zero_is_a_label_and_a_negative_is_none() -> None:
    for label, expected in ((0, 0.0), (-1, math.log(1 + math.exp(-1)))):
        labels = torch.full((2, 1), label)
        assert infonce(AXES, AXES, 1.0, labels=(labels, labels)).item() == pytest.approx(expected)
    # What a query is labelled with counts for that query: the second row of labels, for the second.
    labels = torch.tensor([[0], [1]]), torch.tensor([[1], [2]])
    loss = infonce(AXES, AXES, 1.0, labels=labels, symmetric=False)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)) / 2)


def test_labels_of_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        infonce(AXES, AXES, 1.0, labels=(torch.zeros(2, 2, dtype=torch.long), torch.zeros(2, 1, dtype=torch.long)))


TOKENS = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [9.0, 9.0]]])  # the last one is padding
MASK = torch.tensor([[True, True], [True, False]])


def test_maxsim_by_hand() -> None:
    # Document 0 has both axes, document 1 the first alone. Query 0 asks for both, query 1 for the first.
    assert maxsim(TOKENS, MASK, TOKENS, MASK)(EVERY).tolist() == [[1.0, 0.5], [1.0, 1.0]]
    assert maxsim(TOKENS, MASK, TOKENS, MASK, mean=False)(EVERY).tolist() == [[2.0, 1.0], [1.0, 1.0]]


def test_padding_of_keys_is_never_the_best_even_when_all_else_is_negative() -> None:
    keys = torch.tensor([[[-1.0, 0.0], [0.0, 0.0]]])
    assert maxsim(TOKENS[1:], MASK[1:], keys, torch.tensor([[True, False]]))(EVERY).item() == -1.0


def test_xtr_counts_only_tokens_that_were_retrieved() -> None:
    # Query 0's second token finds itself in document 0; in document 1 its best is 0, not among the nearest, so it is not counted:
    # document 1 scores 1, its one token that was, divided by 1, where plain MaxSim gives it 1/2.
    scores = maxsim(TOKENS, MASK, TOKENS, MASK, top=1)(slice(0, 1))
    assert scores.tolist() == [[1.0, 1.0]]
    assert maxsim(TOKENS, MASK, TOKENS, MASK, top=99)(slice(0, 1)).tolist() == [[1.0, 0.5]]


def test_a_key_without_tokens_scores_nothing() -> None:
    held = torch.tensor([[True, True], [False, False]])
    assert maxsim(TOKENS, MASK, TOKENS, held)(EVERY)[:, 1].tolist() == [0.0, 0.0]


def test_xtr_takes_the_nearest_where_all_are_far() -> None:
    keys = torch.tensor([[[-1.0, 0.0]], [[-0.6, 0.8]]])  # cosines −1 and −0.6 to the one token: the second is the nearest
    scores = maxsim(TOKENS[1:, :1], MASK[1:, :1], keys, torch.ones(2, 1, dtype=torch.bool), top=1)(EVERY)
    assert scores.tolist() == [[0.0, pytest.approx(-0.6)]]


def test_xtr_divides_by_the_tokens_of_each_key() -> None:
    # Three keys of one token each, two query tokens: each finds its own axis, and nothing of the third key, which scores 0.
    keys = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[-1.0, 0.0]]])
    scores = maxsim(TOKENS[:1], MASK[:1], keys, torch.ones(3, 1, dtype=torch.bool), top=1)(EVERY)
    assert scores.tolist() == [[1.0, 1.0, 0.0]]


def test_contrast_goes_both_ways_unless_told() -> None:
    scores = tiles.cosines(AXES, torch.cat([AXES, AXES[:1]]))
    both, one = tiles.contrast(scores, 2, 3, 1.0), tiles.contrast(scores, 2, 3, 1.0, symmetric=False)
    # Query 0 sees its key twice, so that way costs more than the way back, where the third key is not asked.
    back = math.log(1 + math.exp(-1))
    assert both.item() == pytest.approx((one.item() + back) / 2) and one.item() > back


def test_late_interaction_is_infonce_over_maxsim_whatever_the_tile() -> None:
    a, b, mask = units(5, 4, 3).requires_grad_(), units(6, 3, 3, seed=1).requires_grad_(), torch.ones(5, 4, dtype=torch.bool)
    mask[2, 2:] = False
    held = torch.ones(6, 3, dtype=torch.bool)
    scores = torch.einsum("ntk,muk->nmtu", a, b).amax(-1)
    scores = (scores * mask[:, None]).sum(-1) / mask.sum(-1)[:, None]
    target, entropy = torch.arange(5), torch.nn.functional.cross_entropy
    expected = (entropy(scores * 7, target) + entropy(scores[:, :5].T * 7, target)) / 2
    wanted = gradients(expected, a, b)
    for tile in (None, 1, 2):
        loss = late_interaction(a, mask, b, held, 7.0, tile=tile)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
        torch.testing.assert_close(gradients(loss, a, b), wanted, rtol=1e-4, atol=1e-6)


def test_matryoshka_goes_over_token_vectors_too() -> None:
    # One value of (1, 0) and (0, 1) is 1 and 0: of document 0's tokens the first is left, so it scores 1/2 for query 0.
    loss = matryoshka(lambda a, b: maxsim(a, MASK, b, MASK)(EVERY)[0, 0], TOKENS, TOKENS, (1, 2))
    assert loss.item() == pytest.approx((0.5 + 1.0) / 2)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)], ids=["rows", "tokens"])
def test_every_prefix_has_length_one_on_both_sides(shape: tuple[int, ...]) -> None:
    seen: list[torch.Tensor] = []

    def objective(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen.extend((a, b))
        return (a * b).sum()

    matryoshka(objective, 3 * units(*shape), 5 * units(*shape, seed=1), (2, 4))
    assert [x.shape[-1] for x in seen] == [2, 2, 4, 4]
    for x in seen:
        torch.testing.assert_close(x.norm(dim=-1), torch.ones(shape[:-1]))


def test_cosent_orders_by_score() -> None:
    first, second = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # Cosines 1 and 0. In the right order the exponent is 20 · (0 − 1), in the wrong one 20 · (1 − 0).
    assert cosent(first, second, torch.tensor([5.0, 1.0])).item() == pytest.approx(math.log(1 + math.exp(-20)), abs=1e-7)
    assert cosent(first, second, torch.tensor([1.0, 5.0])).item() == pytest.approx(20.0)
    assert cosent(first, second, torch.tensor([3.0, 3.0])).item() == 0.0
    a, b, gold = units(9, 4).requires_grad_(), units(9, 4, seed=1), torch.tensor([0.0, 1, 2, 3, 4, 5, 5, 2, 1])
    torch.testing.assert_close(gradients(cosent(a, b, gold, tile=2), a), gradients(cosent(a, b, gold), a), rtol=1e-5, atol=1e-7)


def test_agreement_is_zero_between_equals_and_teaches_the_student_only() -> None:
    student, teacher = units(4, 3).requires_grad_(), units(4, 3, seed=1).requires_grad_()
    same_scores = tiles.cosines(student, student)
    assert agreement(same_scores, same_scores, 4, 4).item() == pytest.approx(0.0, abs=1e-6)
    loss = agreement(tiles.cosines(student, student), tiles.cosines(teacher, teacher), 4, 4, tile=1)
    loss.backward()
    assert teacher.grad is None and student.grad is not None and loss.item() > 0


def test_agreement_of_a_coin() -> None:
    # The teacher is sure (scores 1 and 0 at a tiny temperature), the student cannot tell: ln 2.
    sure, unsure = tiles.cosines(AXES, AXES), tiles.cosines(torch.ones(2, 2), torch.ones(2, 2))
    assert agreement(unsure, sure, 2, 2, temperature=0.01).item() == pytest.approx(math.log(2))


def test_distilled_vectors_by_hand() -> None:
    assert vectors(AXES * 3, AXES).item() == pytest.approx(0.0)  # length is not what is taught
    assert vectors(AXES, AXES.flip(0)).item() == pytest.approx(2.0)  # 2 − 2 · 0
    with pytest.raises(ValueError, match="same shape"):
        vectors(AXES, torch.ones(2, 3))


def test_distilled_states_by_hand() -> None:
    teacher = torch.tensor([[[0.0], [4.0]], [[2.0], [4.0]]])  # two prompts of two places; only the first place differs, by ±1 about 1
    assert distill.states(teacher, teacher).item() == 0
    mean = teacher.mean(0).expand(2, -1, -1)
    assert distill.states(mean, teacher).item() == pytest.approx(1)  # what all have in common is worth nothing
    assert distill.states(teacher + 1, teacher).item() == pytest.approx(2)  # off by 1 at four states, whose variance is (1 + 0) / 2
    swapped = teacher.flip(1).requires_grad_()
    target = teacher.clone().requires_grad_()
    distill.states(swapped, target).backward()
    assert swapped.grad.abs().sum() > 0 and target.grad is None  # places count, and the teacher learns nothing
    assert distill.pooled(teacher[:, 0], teacher[:, 0].flip(0)).item() == pytest.approx(4)  # both off by 2, of variance 1
    for wrong in (teacher[:, :1], teacher[:1]):
        with pytest.raises(ValueError, match="expected one shape"):
            distill.states(wrong, wrong if len(wrong) < 2 else teacher)
    with pytest.raises(ValueError, match="one vector a row"):
        distill.pooled(teacher, teacher)


def test_the_way_from_data_to_noise_by_hand() -> None:
    data, noise = torch.zeros(2, 3), torch.full((2, 3), 4.0)
    assert flow.between(data, noise, torch.tensor([0.25, 1.0])).tolist() == [[1.0] * 3, [4.0] * 3]
    assert flow.flow_matching(noise - data, data, noise).item() == 0
    assert flow.flow_matching(torch.zeros(2, 3), data, noise).item() == pytest.approx(16)
    drawn = flow.times(2001, torch.Generator().manual_seed(0))
    assert drawn.min() > 0 and drawn.max() < 1 and abs(float(drawn.median()) - 0.5) < 0.03
    with pytest.raises(ValueError, match=r"expected \[n"):
        flow.between(data, noise, torch.zeros(3))
    with pytest.raises(ValueError, match="expected one shape"):
        flow.flow_matching(data[:1], data, noise)


def test_the_product_of_a_batch_is_never_held() -> None:
    """The largest tensor that any operation makes for a batch of 4,096 is a tile, not 4,096 × 4,096."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(
            self, func: object, types: object, args: tuple[object, ...] = (), kwargs: dict[str, object] | None = None
        ) -> object:
            nonlocal largest
            out = func(*args, **(kwargs or {}))  # type: ignore[operator]
            for x in out if isinstance(out, tuple | list) else (out,):
                largest = max(largest, x.numel()) if isinstance(x, torch.Tensor) else largest
            return out

    q, k = units(4096, 8).requires_grad_(), units(4096, 8, seed=1)
    with Watch():
        infonce(q, k, 10.0, tile=64).backward()
    assert 64 * 4096 <= largest < 4096 * 4096 / 8
