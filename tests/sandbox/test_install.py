import pytest

from sandbox.install import STAMP, InstallationError, install


@pytest.fixture
def repository(tmp_path):
    for file in ("requirements/lambda-runtime.txt", "layers/core/requirements.txt"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("# nothing\n")
    return tmp_path


def test_a_second_call_does_nothing_and_a_changed_file_reinstalls_its_own_folder(repository, capsys):
    installed = install(repository, with_model=False)
    assert (installed.runtime / STAMP).is_file()
    capsys.readouterr()
    install(repository, with_model=False)
    assert capsys.readouterr().out == ""
    (repository / "layers/core/requirements.txt").write_text("# changed\n")
    install(repository, with_model=False)
    assert [line.strip().split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["layer core"]


def test_a_failed_install_reports_pips_error_and_leaves_no_folder(repository):
    (repository / "layers/core/requirements.txt").write_text("./missing-package\n")
    with pytest.raises(InstallationError, match="(?s)Installing layer core .*missing-package"):
        install(repository, with_model=False)
    installed = install_root(repository)
    assert (installed / "runtime" / STAMP).is_file()
    assert not (installed / "layers" / "core" / "python").exists()


def install_root(repository):
    [folder] = (repository / ".sandbox" / "envs").iterdir()
    return folder
