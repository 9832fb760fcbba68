"""The comparison of precisions runs on a run and names every network."""

from translate.training.run import train_from_flags


def test_it_compares_every_network_at_the_start_and_trained(run_script, tmp_path, make_domains, tiny_flags):
    told = {"dataroot": str(make_domains(tmp_path / "data", 3, 3)), "checkpoints_dir": str(tmp_path / "runs")}
    train_from_flags({**tiny_flags, **told, "name": "run", "max_steps": 1})
    words = ["--name", "run", "--checkpoints_dir", "runs", "--batches", "1", "--gpu_ids", "-1"]
    done = run_script(tmp_path, "scripts/compare_precision", *words)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert [row[:2] for row in rows] == [[when, name] for when in ("at the start", "trained") for name in "DGF"]
    assert all(-1 <= float(row[2]) <= 1 and float(row[4]) > 0 for row in rows)


def test_a_run_without_a_state_is_refused(call_main, main_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call_main(main_of("scripts/compare_precision"), "--name", "nothing")
    assert done.returncode == 2
    assert "no run 'nothing'" in done.stderr
