//! Which lines belong to the line before.

use overseer_signatures::{Joiner, Role};

/// Lines of one stream; those that begin an event are marked with `> `.
const STREAMS: &[(&str, &str)] = &[
    (
        "java",
        "> 2026-03-01 00:00:39.241 ERROR 1 --- [main] a.B : Request failed: java.net.SocketTimeoutException: Read timed out
\tat com.acme.Orders.load(Orders.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:833)
Caused by: java.io.IOException: Broken pipe
\t... 12 more
> 2026-03-01 00:00:39.250  INFO 1 --- [main] a.B : Loaded 3 rows",
    ),
    (
        "python",
        "> [2026-03-01 00:00:33,058: ERROR/ForkPoolWorker-1] task failed
Traceback (most recent call last):
  File \"/app/a.py\", line 3, in load
    result = self.get(payload)
KeyError: 'order'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"/app/a.py\", line 5, in load
ValueError: no order
> worker started",
    ),
    (
        "python alone",
        "> starting
Traceback (most recent call last):
  File \"/app/a.py\", line 3, in <module>
ZeroDivisionError: division by zero
> starting",
    ),
    (
        "go",
        "> panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.load(0x5, {0xc000012120, 0x3})
\t/app/main.go:12 +0x1d
created by main.main
exit status 2
> {\"level\":\"info\",\"msg\":\"started\"}",
    ),
    (
        "rust",
        "> thread 'main' panicked at src/main.rs:4:5:
index out of bounds: the len is 3 but the index is 5
stack backtrace:
   0: rust_begin_unwind
             at /rustc/library/std/src/panicking.rs:597:5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
> started",
    ),
    (
        "node",
        "> /app/index.js:10
    throw new Error('boom');
    ^

Error: boom
    at load (/app/index.js:10:9)
    at node:internal/main/run_main_module:28:49
> server listening on 8080",
    ),
    ("plain", "> connected\n> disconnected\n> \n> connected"),
];

#[test]
fn frames_belong_to_their_message() {
    for (name, stream) in STREAMS {
        let mut joiner = Joiner::default();
        for line in stream.lines() {
            let (line, role) = match line.strip_prefix("> ").or(line.strip_prefix(">")) {
                Some(line) => (line, Role::Head),
                None => (line, Role::Continuation),
            };
            assert_eq!(joiner.feed(line.as_bytes()), role, "{name}: {line}");
        }
    }
}

#[test]
fn an_endless_indented_stream_is_not_one_event() {
    let mut joiner = Joiner::default();
    let heads = (0..10_000).filter(|_| joiner.feed(b"  still here") == Role::Head).count();
    assert!((9..=12).contains(&heads), "{heads}");
}
