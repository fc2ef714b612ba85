"""The lesson of step 7."""

from workshop.learn.lessons import point

POINTS = [
    point(
        "the server has a client manager of its own, and the board is at /",
        "TestStart::test_the_server_answers",
        "TestStart::test_the_server_has_this_manager",
        expected="python-socketio asks a client manager who gets an event, and takes one of ours. "
        "Everything else is as in step 6: the board is at /.",
        more="In board/fan_out.py: class Manager(guard.Manager). In serve.py: "
        "from board.fan_out import Manager, and sio = Server(client_manager=Manager()).",
        file="serve.py",
        section="What changes",
        part="sio = Server(",
    ),
    point(
        "everybody is told what the library would tell",
        "TestEmit::test_everybody_is_told_whatever_it_is[fan_out]",
        "TestEmit::test_it_is_for_rooms_and_for_one_and_not_for_those_who_are_skipped[fan_out]",
        "TestEmit::test_telling_nobody_is_no_mistake[fan_out]",
        "TestEmit::test_an_acknowledgement_comes_back_with_its_data[fan_out-raw websocket]",
        "TestEmit::test_bytes_are_bytes_wherever_they_are_in_the_data[fan_out-raw websocket]",
        expected="Rooms, to=, skip_sid=, a callback, bytes: emit() of the manager tells the same "
        "browsers the same as before.",
        more="self.get_participants(namespace, to or room) gives the browsers. A tuple is several "
        "arguments, None is none; skip_sid is one or a list. With a callback, or where encode() "
        "gives a list, call super().emit(…) with all that emit() was given, and return.",
        file="board/fan_out.py",
        section="Frame once",
        part="Manager.emit",
    ),
    point(
        "what is the same for everybody is framed once",
        "TestDriver::test_what_is_the_same_for_everybody_is_framed_once[fan_out]",
        expected="A websocket frame is a header and the packet, and the same for each browser: "
        "one is made for each emit, however many browsers there are.",
        more="Before the loop: framed = frame(packet). In it, for a browser that has a websocket: "
        "browser.write(framed).",
        file="board/fan_out.py",
        section="Frame once",
        part="Manager.emit",
    ),
    point(
        "it is on its way when emit returns",
        "TestDriver::test_it_is_on_its_way_when_emit_returns[fan_out]",
        expected="Each browser that has room is written to at once, with one call of send, and "
        "nobody waits for it.",
        more="self.connection.send(data): the kernel's socket takes what there is room for, and "
        "raises BlockingIOError where there is none at all.",
        file="board/direct.py",
        section="Write directly",
        part="Socket.write",
    ),
    point(
        "who reads on later is told everything, in order",
        "TestBehind::test_who_reads_on_later_is_told_everything_in_order[fan_out]",
        "TestBehind::test_a_pong_waits_for_the_frame_that_is_cut_in_two[fan_out]",
        "TestBehind::test_what_waits_is_written_in_one_go[fan_out]",
        expected="send may take half of a frame: the rest goes first, and what comes meanwhile "
        "waits for it, in the queue. Then all of that is written in one go.",
        more="While self.writing is true, write() only puts into the queue. write_rest() waits "
        "with wait_write and sends, then what take() gives, joined, until that is nothing.",
        file="board/direct.py",
        section="What does not fit",
        part="Socket.write_rest",
    ),
    point(
        "who does not read is let go, and comes back",
        "TestBehind::test_who_does_not_read_is_let_go_and_others_are_told_meanwhile[fan_out]",
        "TestComesBack::test_who_did_not_read_is_told_the_rest_when_it_is_back",
        expected='Somebody who is a megabyte behind is let go: a line in the log that says "does '
        'not read", what waits is forgotten, the connection is closed. Others notice nothing.',
        more="In write(), once self.behind is more than MAX_BEHIND: log it and hang_up(). The "
        "greenlet that hears the browser ends with its connection, and the one that writes fails: "
        "there take() forgets what waits.",
        file="board/direct.py",
        section="What does not fit",
        part="Socket.write",
    ),
    point(
        "an upgrade from polling loses nothing",
        "TestConnection::test_what_is_emitted_during_an_upgrade_comes_once_and_in_order[fan_out]",
        "TestConnection::test_an_upgrade_that_is_not_finished_goes_on_by_polling[fan_out-probe]",
        expected="A browser that polls goes over to its websocket by 2probe, 3probe and 5. What is "
        "emitted meanwhile waits; if it ends before the 5, polling goes on.",
        more="finish_polling() sets self.upgrading, answers 2probe with 3probe, ends the last poll "
        "with a NOOP in the queue, and waits for the 5. After it, send what take() gives.",
        file="board/direct.py",
        section="No greenlet for who is idle",
        part="Socket.finish_polling",
    ),
    point(
        "who is idle costs no greenlet",
        "TestDriver::test_who_is_idle_costs_no_greenlet[fan_out]",
        "TestConnection::test_what_a_browser_says_last_is_heard[fan_out-end]",
        "TestConnection::test_a_sign_of_life_is_asked_for_and_who_gives_none_is_let_go[fan_out]",
        expected="gevent's loop wakes a browser when there is something to read. What hears it "
        "ends when that is heard, and nothing is lost.",
        more="wake() stops the watcher and spawns hear(). hear() reads once, takes each message, "
        "starts the watcher again, and returns; when recv() gives nothing, it calls end().",
        file="board/direct.py",
        section="No greenlet for who is idle",
        part="Socket.hear",
    ),
    point(
        "a broadcast gives way, and keeps the order",
        "TestDriver::test_a_broadcast_gives_way[fan_out]",
        "TestConnection::test_who_emits_during_a_broadcast_does_not_overtake_it[fan_out]",
        expected="After so many browsers emit() lets others go first; who emits meanwhile waits "
        "until everybody is told.",
        more="With self.turn: the loop; in it, after each AT_ONCE browsers, gevent.sleep(1e-9): "
        "with 0 gevent goes on with whoever is ready, and looks only now and then for what comes.",
        file="board/fan_out.py",
        section="Give way",
        part="Manager.emit",
    ),
]
