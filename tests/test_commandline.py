"""From words to values: flags, recipes, the help page, and what a mistake is told."""

import re
import sys

import pytest

from translate import commandline
from translate.commandline import parse_test, parse_train, read_recipe
from translate.commands import run_command
from translate.errors import InputError, RunError, Stopped
from translate.flags import annotated_type
from translate.methods import METHODS
from translate.options import LEGACY, TestOptions
from translate.settings import groups_of, resolve, train_flags

TRAIN_FLAGS = train_flags("cut")
TEST_FLAGS = {name: TestOptions for name in TestOptions.__dataclass_fields__}
SAMPLES = {int: "33", float: "0.5", str: "words", bool: "true"}


def sample(group, name):
    """Some value that the flag takes, as text."""
    choices = group.__dataclass_fields__[name].metadata["choices"]
    if name in ("input_nc", "output_nc", "n_layers_D"):
        return "3"
    if name == "random_scale_max":  # at least 1
        return "1.5"
    if name in (
        "netG",
        "netD",
        "dataset_mode",
        "display",
    ):  # not every choice suits every method, nor is every word one
        return {"netG": "resnet_4blocks", "netD": "pixel", "dataset_mode": "unaligned", "display": "visdom"}[name]
    return choices[-1] if choices else SAMPLES[annotated_type(group, name)[0]]


@pytest.fixture
def recipe(tmp_path):
    """Writes a recipe and gives its path."""

    def write(text, name="recipe.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def help_of(parse, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


class TestFlags:
    @pytest.mark.parametrize("name", TRAIN_FLAGS)
    def test_a_flag_of_training_is_parsed_alone_and_with_an_equals_sign(self, name):
        value = sample(TRAIN_FLAGS[name], name)
        assert parse_train([f"--{name}", value]) == {name: value}
        assert parse_train([f"--{name}={value}"]) == {name: value}
        assert name in resolve({name: value}).flat()

    @pytest.mark.parametrize("name", TEST_FLAGS)
    def test_a_flag_of_testing_is_parsed(self, name):
        value = sample(TestOptions, name)
        assert parse_test([f"--{name}", value]) == ({name: value}, {})

    @pytest.mark.parametrize("name", sorted(set(TRAIN_FLAGS) - set(TEST_FLAGS)))
    def test_a_flag_of_training_is_accepted_in_testing_and_kept_apart(self, name):
        value = sample(TRAIN_FLAGS[name], name)
        assert parse_test([f"--{name}", value]) == ({}, {name: value})

    def test_no_flag_gives_nothing(self):
        assert parse_train([]) == {}
        assert parse_test([]) == ({}, {})

    @pytest.mark.parametrize("name", [name for name, group in TRAIN_FLAGS.items()
                                      if annotated_type(group, name)[0] is bool])  # fmt: skip
    def test_a_switch_needs_no_value_and_takes_one(self, name):
        assert parse_train([f"--{name}", "--seed", "3"]) == {name: True, "seed": "3"}
        assert resolve(parse_train([f"--{name}", "False"])).flat()[name] is False

    def test_minus_one_is_a_value(self):
        assert parse_train(["--gpu_ids", "-1", "--lr", "-0.1"]) == {"gpu_ids": "-1", "lr": "-0.1"}

    def test_the_last_of_a_repeated_flag_counts(self):
        assert parse_train(["--lr", "1", "--lr", "2"]) == {"lr": "2"}

    def test_model_may_be_named_in_training_and_testing(self):
        assert parse_train(["--model", "cut"]) == {"model": "cut"}
        assert parse_test(["--model", "cut"]) == ({}, {"model": "cut"})


class TestMistakes:
    @pytest.mark.parametrize("parse", [parse_train, parse_test])
    @pytest.mark.parametrize(("wrong", "meant"), [("--dataroots", "dataroot"), ("--nmae", "name"), ("--Lr", "lr"),
                                                  ("--cropsize=3", "crop_size"), ("--modle", "model"),
                                                  ("--lambda_NEC", "lambda_NCE")])  # fmt: skip
    def test_an_unknown_flag_is_told_the_nearest(self, parse, wrong, meant):
        flag = wrong.split("=")[0]
        with pytest.raises(InputError, match=f"unknown flag {flag}: did you mean {meant}\\?"):
            parse([wrong, "1"])

    def test_a_flag_is_never_shortened_to_its_beginning(self):
        with pytest.raises(InputError, match="unknown flag --data"):
            parse_train(["--data", "x"])

    @pytest.mark.parametrize("parse", [parse_train, parse_test])
    def test_a_value_without_a_flag_is_refused(self, parse):
        with pytest.raises(InputError, match="unexpected argument 'horse2zebra'"):
            parse(["horse2zebra"])

    @pytest.mark.parametrize("name", ["lr", "model", "config"])
    def test_a_flag_without_its_value_is_named(self, name):
        with pytest.raises(InputError, match=f"--{name}"):
            parse_train([f"--{name}"])

    @pytest.mark.parametrize("parse", [parse_train, parse_test])
    def test_a_misspelt_model_is_told_the_nearest(self, parse):
        with pytest.raises(InputError, match="'cutt': did you mean cut"):
            parse(["--model", "cutt"])


class TestLegacy:
    @pytest.mark.parametrize("parse", [parse_train, lambda words: parse_test(words)[0]])
    @pytest.mark.parametrize("name", LEGACY)
    def test_a_flag_without_effect_is_accepted_with_or_without_value(self, parse, name, capsys):
        for words in ([f"--{name}"], [f"--{name}", "-1"], [f"--{name}=x"]):
            assert parse([*words, "--name", "a"]) == {"name": "a"}
            assert capsys.readouterr().err == f"note: without effect here: --{name} ({LEGACY[name]})\n"

    @pytest.mark.parametrize("model", METHODS.names())
    def test_the_pool_is_spoken_of_as_it_is_for_each_method(self, model, capsys):
        """The note names the methods that have one, and a method that has one takes the flag and says nothing."""
        given = parse_train(["--model", model, "--pool_size", "7"])
        said = capsys.readouterr().err
        if "pool_size" in train_flags(model):
            assert (given["pool_size"], said) == ("7", "")
        else:
            named = re.findall(r"--model (\w+)", said)
            assert named == [name for name in METHODS.names() if "pool_size" in train_flags(name)]
            assert "pool_size" not in given

    def test_several_of_them_are_one_line_on_stderr(self, capsys):
        words = [word for name in LEGACY for word in (f"--{name}", "3")]
        assert parse_train(words) == {}
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert all(f"--{name} " in said.err for name in LEGACY)

    def test_other_flags_warn_of_nothing(self, capsys):
        parse_train(["--lr", "1"])
        assert capsys.readouterr() == ("", "")


class TestRecipes:
    def test_flags_beat_the_recipe(self, recipe):
        path = recipe("lr: 1e-3\nbatch_size: 4\nno_flip: true\n")
        given = parse_train(["--config", path, "--batch_size", "2"])
        assert given == {"lr": "1e-3", "batch_size": "2", "no_flip": True}
        settings = resolve(given)
        assert (settings.optimizer.lr, settings.data.batch_size, settings.data.no_flip) == (0.001, 2, True)

    def test_the_recipe_s_values_beat_the_mode_that_it_names(self, recipe):
        settings = resolve(parse_train(["--config", recipe("CUT_mode: fastcut\nn_epochs: 3\n")]))
        assert (settings.optimizer.n_epochs, settings.optimizer.n_epochs_decay) == (3, 50)

    def test_a_mode_on_the_command_line_beats_the_recipe_s(self, recipe):
        settings = resolve(parse_train(["--config", recipe("CUT_mode: FastCUT\n"), "--CUT_mode", "CUT"]))
        assert settings == resolve({})

    def test_yaml_s_own_words_for_infinity_and_nothing(self, recipe):
        settings = resolve(parse_train(["--config", recipe("max_dataset_size: .inf\nnum_threads: null\ngpu_ids: -1")]))
        assert (settings.data.max_dataset_size, settings.data.num_threads) == (None, None)
        assert settings.run.gpu_ids == "-1"

    def test_an_unknown_key_names_the_file_and_the_nearest_flag(self, recipe):
        path = recipe("learning_rat: 1\n")
        with pytest.raises(InputError, match=re.escape(f"--config {path}: unknown flag 'learning_rat'")):
            parse_train(["--config", path])

    def test_a_legacy_key_is_warned_of(self, recipe, capsys):
        assert parse_train(["--config", recipe("pool_size: 50\n")]) == {}
        assert "--pool_size" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["lr: [1\n", "\tlr: 1", "a: b: c", "!!python/object/apply:os.getcwd []"])
    def test_what_is_not_yaml_is_refused_in_one_line(self, recipe, text):
        with pytest.raises(InputError, match=r"recipe\.yaml is not YAML") as refused:
            read_recipe(recipe(text))
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("text", ["", "- lr\n- 1\n", "lr\n", "3"])
    def test_what_is_no_list_of_flags_is_refused(self, recipe, text):
        with pytest.raises(InputError, match="write one 'flag: value' a line"):
            read_recipe(recipe(text))

    def test_bytes_that_are_no_text_are_refused(self, tmp_path):
        (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00lr")
        with pytest.raises(InputError, match="is not YAML"):
            read_recipe(str(tmp_path / "x.yaml"))

    def test_a_recipe_that_may_not_be_read_is_said(self, recipe, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        path = recipe("lr: 1")
        monkeypatch.setattr(commandline.Path, "read_text", refuse)
        with pytest.raises(InputError, match=r"recipe\.yaml cannot be read: Permission denied"):
            read_recipe(path)

    @pytest.mark.parametrize("text", ["lr: [1, 2]", "lr: {a: 1}", "lr:", "lr: yes", "lr: .nan"])
    def test_a_value_of_another_kind_names_its_flag(self, recipe, text):
        with pytest.raises(InputError, match="--lr"):
            resolve(parse_train(["--config", recipe(text)]))

    def test_a_recipe_is_known_by_its_name(self, recipe, tmp_path, monkeypatch):
        recipe("lr: 1\n", "horses.yaml")
        monkeypatch.setattr(commandline, "RECIPES", tmp_path)
        assert read_recipe("horses") == read_recipe("horses.yaml") == {"lr": 1}
        with pytest.raises(InputError, match="--config horse: no such file or recipe; did you mean horses"):
            read_recipe("horse")

    def test_the_recipe_may_name_the_model(self, recipe):
        assert parse_train(["--config", recipe("model: cut\n")]) == {"model": "cut"}
        with pytest.raises(InputError, match="'cup'"):
            parse_train(["--config", recipe("model: cup\n")])

    @pytest.mark.parametrize("named", [["--name", "gan_cycle_gan"], ["--name", "gan", "--suffix", "cycle_gan"]])
    def test_a_run_that_is_gone_on_with_has_its_own_flags(self, named, tmp_path, recipe):
        (tmp_path / "gan_cycle_gan").mkdir()
        (tmp_path / "gan_cycle_gan" / "run.json").write_text('{"model": "cycle_gan", "options": {}}')
        words = [*named, "--checkpoints_dir", str(tmp_path), "--pool_size", "7"]
        assert parse_train([*words, "--continue_train"])["pool_size"] == "7"
        assert parse_train(["--config", recipe("continue_train: true\n"), *words])["pool_size"] == "7"
        for others in ([], ["--continue_train", "--model", "cut"], ["--continue_train", "false"]):
            assert "pool_size" not in parse_train([*words, *others])


class TestHelp:
    @pytest.mark.parametrize("parse", [parse_train, parse_test])
    def test_lines_fit_a_terminal(self, parse, capsys):
        text = help_of(parse, capsys)
        assert max(map(len, text.splitlines())) <= 110

    def test_every_flag_of_training_stands_in_the_group_it_belongs_to(self, capsys):
        text = help_of(parse_train, capsys)
        for group in groups_of("cut").values():
            section = text.split(f"\n{group.__doc__}:\n")[1].split("\n\n")[0]
            for name in group.__dataclass_fields__:
                assert f"\n  --{name} " in "\n" + section

    def test_every_flag_of_testing_is_there(self, capsys):
        text = help_of(parse_test, capsys)
        assert all(f"\n  --{name} " in text for name in TEST_FLAGS)

    @pytest.mark.parametrize("parse", [parse_train, parse_test])
    def test_defaults_and_every_choice_are_said(self, parse, capsys):
        text = " ".join(help_of(parse, capsys).split())
        groups = TRAIN_FLAGS if parse is parse_train else TEST_FLAGS
        for name, group in groups.items():
            entry = text.split(f"--{name} ")[1]
            own = getattr(METHODS["cut"], name) if name in ("netG", "netD") else None
            choices = own or group.__dataclass_fields__[name].metadata["choices"]
            for choice in choices or ():
                assert choice in entry.split(" --")[0]
        if parse is parse_train:
            assert "learning rate (0.0002)" in text

    def test_flags_without_effect_are_listed_at_the_end(self, capsys):
        last = help_of(parse_train, capsys).split("\n\n")[-1]
        assert all(name in last for name in LEGACY)

    @pytest.mark.parametrize("model", METHODS.names())
    def test_what_a_method_has_is_not_listed_there(self, model, capsys):
        last = help_of(lambda words: parse_train(["--model", model, *words]), capsys).split("\n\n")[-1]
        listed = re.findall(r"\w+", last.split("without effect here:")[1])
        assert set(listed) == set(LEGACY) - set(train_flags(model))

    @pytest.mark.parametrize(("called", "name"), [("/a/train.py", "train.py"), ("/b/translate", "translate train")])
    def test_the_usage_line_is_short_and_names_what_was_called(self, capsys, monkeypatch, called, name):
        monkeypatch.setattr(sys, "argv", [called])
        assert help_of(parse_train, capsys).startswith(f"usage: {name} [--flag value] ...\n")


class TestRunCommand:
    @pytest.fixture
    def ended(self, monkeypatch, capsys):
        """Runs a command that does ``action``; its exit code and what it said on stderr."""

        def run(action):
            monkeypatch.setattr(sys, "argv", ["train.py", "--lr", "1"])
            with pytest.raises(SystemExit) as exit_:
                run_command(action)
            return exit_.value.code, capsys.readouterr().err

        return run

    def test_the_words_of_the_command_line_arrive(self, ended):
        seen = []
        assert ended(seen.append) == (0, "")
        assert seen == [["--lr", "1"]]

    @pytest.mark.parametrize(("error", "code", "said"), [
        (InputError("no such flag"), 2, "error: no such flag\n"),
        (RunError("disk full"), 1, "error: disk full\n"),
        (Stopped("stopped and saved", 15), 143, "stopped and saved\n"),
        (Stopped("stopped and saved", 2), 130, "stopped and saved\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 1, ""),
    ])  # fmt: skip
    def test_a_known_failure_is_one_line_and_its_code(self, ended, error, code, said):
        def fail(_):
            raise error

        assert ended(fail) == (code, said)

    def test_a_defect_keeps_its_traceback(self, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["train.py"])
        with pytest.raises(ZeroDivisionError):
            run_command(lambda _: 1 / 0)


class TestScripts:
    def test_a_wrong_flag_ends_with_2_and_one_line(self, run_script, tmp_path):
        ended = run_script(tmp_path, "train", "--datarot", "x")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == "error: unknown flag --datarot: did you mean dataroot?\n"
        assert list(tmp_path.iterdir()) == []

    def test_training_prints_names_that_the_terminal_does_not_know(
        self, run_script, tmp_path, make_domains, tiny_flags
    ):
        root = make_domains(tmp_path / "каталог")
        words = [word for name, value in tiny_flags.items() for word in (f"--{name}", value)]
        words += ["--max_steps", 1, "--name", "a/b c", "--checkpoints_dir", "my runs", "--no_html"]
        ended = run_script(tmp_path, "train", "--dataroot", root, *words, PYTHONIOENCODING="ascii:strict")
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.endswith("next: python test.py --name 'a/b c' --checkpoints_dir 'my runs'\n")
        assert (tmp_path / "my runs/a/b c/latest_net_G.pth").is_file()


@pytest.mark.parametrize("words", [["--range_A", "-1000,2000"], ["--range_A=-1000,2000"], ["--range_A", "-.5,-.25"]])
def test_a_list_that_begins_with_a_minus_is_a_value(words):
    value = words[-1].rpartition("=")[2]
    assert parse_train([*words, "--no_flip", "--gpu_ids", "-1"]) == {"range_A": value, "no_flip": True, "gpu_ids": "-1"}


def test_a_flag_without_its_value_is_missed_all_the_same():
    with pytest.raises(InputError, match="--range_A: expected one argument"):
        parse_train(["--range_A", "--no_flip"])
