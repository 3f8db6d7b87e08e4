"""What a scan ingests, once: by content and options, whole, with the folder tree kept."""


def test_a_file_that_two_looks_see_alike_becomes_a_job(watch):
    inbox = watch()
    inbox.drop("monday/talk.mp3", "sound")
    first = inbox.scan()
    assert (first.new, first.waiting_total) == (0, 1)
    second = inbox.scan()
    assert (second.new, second.waiting_total) == (1, 0)
    assert [*inbox.batches().values()] == [{"monday/talk.mp3"}]
    (run,) = inbox.flow_runs()
    assert run.name == f"{inbox.inbox.name}: monday"
    third = inbox.scan()
    assert (third.new, third.known, len(third.open_batches)) == (0, 1, 1)
    assert len(inbox.flow_runs()) == 1
