"""Asking for a stop."""

import signal
import threading

import pytest

from translate.training.signals import StopRequest


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    monkeypatch.setattr("translate.training.signals.os.isatty", lambda stream: False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_noted_and_the_former_handler_comes_back(number):
    former = signal.getsignal(number)
    with StopRequest() as stop:
        assert stop.signal is None
        signal.raise_signal(number)
        assert stop.signal == number
    assert signal.getsignal(number) is former


def test_a_run_that_was_told_to_outlive_its_terminal_does():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.signal is None
    finally:
        signal.signal(signal.SIGHUP, former)


def test_a_second_ctrl_c_interrupts():
    with StopRequest(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)


def test_a_second_terminate_is_patient():
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


def test_in_another_thread_nothing_is_installed():
    former = signal.getsignal(signal.SIGTERM)
    seen = []

    def inside():
        with StopRequest() as stop:
            seen.append((stop.signal, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [(None, former)]
