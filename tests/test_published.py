"""The reports' numbers: their sums, their overlaps, and the tables' own shape."""

import pandas as pd
import pytest

from minbert_lib.errors import MinbertError
from minbert_lib.lab import published
from minbert_lib.lab.config import THREE
from minbert_lib.lab.systems import SYSTEMS


def of_row(row, split="dev"):
    """The published results of one row of the table of systems, headline first."""
    frame = published.scores()
    return frame[(frame.row == row) & (frame.split == split)].reset_index(drop=True)


def test_the_three_means_that_do_not_add_up():
    slips = published.slips().set_index(["report", "row"])
    assert set(slips.index) == {("SMARTCS", "M1"), ("Siamese", "P1"), ("SMARTCS", "M10")}
    assert slips.loc[("SMARTCS", "M1"), "published_mean"] == 0.764
    assert slips.loc[("SMARTCS", "M1"), "recomputed"] == pytest.approx((0.480 + 0.887 + (0.882 + 1) / 2) / 3)
    assert slips.loc[("Siamese", "P1"), "recomputed"] == pytest.approx(0.462, abs=5e-4)
    assert slips.loc[("SMARTCS", "M10"), "variant"] == "batches 45, 4, 3"
    assert slips.loc[("SMARTCS", "M10"), "why"] == "the other kind of mean was taken"
    assert slips.loc[("SMARTCS", "M1"), "why"] == "not told by the parts"


def test_both_means_of_the_best_ensemble():
    row = of_row("S14", "test").set_index("variant").loc["big ensemble"]
    assert row["mean"] == pytest.approx(0.7861) and row.mean_norm == pytest.approx(0.8024, abs=5e-5)


def test_rounding_alone_is_no_slip(tmp_path, monkeypatch):
    header = (published.folder() / "scores.csv").read_text().split("\n")[0]
    rows = [f"A,X,,,x,dev,,0.500,0.500,0.500,,{mean},mean,,,,t" for mean in ("0.501", "0.499", "0.502")]
    (tmp_path / "scores.csv").write_text("\n".join([header, *rows]))
    monkeypatch.setattr(published, "folder", lambda: tmp_path)
    assert published.slips().published_mean.tolist() == [0.502]


def test_every_line_is_well_formed():
    frame = published.scores()
    assert set(frame.report) == set(published.REPORTS)
    assert set(frame.split) == {"dev", "test"}
    for part in ("sst", "qqp", "cfimdb"):
        assert frame[part].dropna().between(0, 1).all()
    assert frame.sts.dropna().between(-1, 1).all()
    assert (frame.published_mean.isna() == frame.mean_kind.isna()).all()
    assert (frame.time.isna() == frame.time_unit.isna()).all()
    kinds = frame.dropna(subset="mean_kind").groupby("report").mean_kind.unique()
    assert all(len(kind) == 1 for kind in kinds)
    assert set(kinds.index[kinds.str[0] == "mean"]) == {"SBRRT", "SerBERTus"}
    assert not frame.duplicated(["report", "row", "variant", "split", "statistic"]).any()


def count(rows, **values):
    """How many of the rows hold exactly these values."""
    return rows[list(values)].eq(pd.Series(values)).all(axis=1).sum()


def test_numbers_that_stand_in_two_tables_agree():
    for _, line in published.table("serbertus_table6_architectures").iterrows():
        variant = line.architecture.replace("head ", "").replace(" (baseline)", "")
        rows = of_row("S10")
        rows = rows[rows.variant == variant]
        best = {"sst": line.sst_best, "qqp": line.qqp_best, "sts": line.sts_best}
        assert count(rows, **best, published_mean=line.mean_of_best) == 1
        assert count(rows, published_mean=line.best_mean, statistic="one epoch") == (line.best_mean > 0)
    for _, line in published.table("serbertus_table7_ensembles").iterrows():
        scores = {"sst": line.sst, "qqp": line.qqp, "sts": line.sts, "published_mean": line["mean"]}
        assert count(of_row("S14", line.split), **scores, parameters=line.parameters) == 1
    for _, line in published.table("smartcs_fig7_batch_sizes").iterrows():
        scores = {"sst": line.sst, "qqp": line.qqp, "sts": line.sts, "published_mean": line.mean_norm}
        assert count(of_row("M10"), **scores) == 1
    for _, line in published.table("serbertus_table3_weight_decay").iterrows():
        scores = {"sst": line.multi_sst, "qqp": line.multi_qqp, "sts": line.multi_sts}
        assert count(of_row("S6"), **scores, published_mean=line.multi_mean) == 1


def test_smartcs_recalls_give_its_accuracy():
    """Recall weighted by the sentences a class has in SST dev is the accuracy: so Figure 9 is row M6."""
    recall = published.table("smartcs_fig9_classes").recall
    accuracy = (recall * [139, 289, 229, 279, 165]).sum() / 1101
    assert accuracy == pytest.approx(of_row("M6").sst[0], abs=6e-4)


def test_ten_epochs_make_smartcs_hours():
    hours = published.table("smartcs_fig2_hours").set_index("row").hours
    for row in ("M1", "M5", "M6"):
        assert of_row(row).time[0] * 10 / 3600 == pytest.approx(hours[row], abs=6e-4)


def test_an_unknown_table_is_told_in_one_line():
    with pytest.raises(MinbertError, match="no published table .nothing.*scores"):
        published.table("nothing")


def test_contradicted_claims_are_read():
    claims = published.claims()
    assert len(claims) == 5 and (claims.stated != claims.tables_give).all()


def test_every_row_is_a_system():
    """C1–C3 and the sweeps included: what the reports publish can be run here."""
    rows = {name.split("-")[0] for name in SYSTEMS}
    assert set(published.scores().row) | set(published.table("said").row) <= rows
    assert set(published.scores().run) - {""} <= set(SYSTEMS)
    assert published.of_system("S10-2").published_mean[0] == 0.761
    assert published.of_system("C3-frozen").cfimdb.tolist() == [0.78, 0.763]
    assert published.headline("E3").split == "test" and published.headline("B4").split == "dev"
    assert published.of_system("S12").empty and published.headline("S12") is None


def test_intervals_of_published_scores():
    frame = published.intervals()
    m1, m6 = (frame[(frame.row == row) & (frame.split == "dev")].iloc[0] for row in ("M1", "M6"))
    wald = 2 * 1.96 * (0.494 * 0.506 / 1101) ** 0.5
    assert m6.sst_high - m6.sst_low == pytest.approx(wald, abs=5e-4)
    assert m6.sst_low < m1.sst < m6.sst_high  # what Bregman and SMART gained on SST is inside the noise
    for part in THREE:
        known = frame[frame[part].notna()]
        assert (known[f"{part}_low"] < known[part]).all() and (known[part] < known[f"{part}_high"]).all()
        assert frame[frame[part].isna()][f"{part}_low"].isna().all()
