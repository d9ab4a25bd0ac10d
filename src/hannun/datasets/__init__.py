"""The data folder goes in; pictures, sentences and text sets with fixed splits come out: what recipes train on and suites measure on."""
