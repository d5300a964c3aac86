//! Where messages begin.

use overseer_signatures::{Severity, header};

/// Line, its message, its severity, its logger.
const LINES: &[(&str, &str, Option<Severity>, Option<&str>)] = {
    use Severity::*;
    &[
        (
            "2026-03-01 00:00:39.241  INFO 1 --- [nio-8080-exec-10] c.acme.Orders   : Loaded 3 rows",
            "Loaded 3 rows",
            Some(Info),
            Some("c.acme.Orders"),
        ),
        ("2026-03-01T00:00:39.241Z ERROR pool: timed out", "pool: timed out", Some(Error), None),
        ("2026-03-01 00:00:45.029 UTC [101] ERROR:  deadlock detected", "deadlock detected", Some(Error), None),
        (
            "[2026-03-01 00:00:05,513: DEBUG/ForkPoolWorker-2] connection pool: 14 of 32",
            "connection pool: 14 of 32",
            Some(Debug),
            None,
        ),
        (
            "[2026-03-01 00:00:38,204] INFO [GroupCoordinator 19]: Preparing",
            "[GroupCoordinator 19]: Preparing",
            Some(Info),
            None,
        ),
        ("1:M 01 Mar 2026 00:00:33.315 * DB saved on disk", "DB saved on disk", None, None),
        (
            "I0301 00:00:48.450987       1 cache.go:301] \"Probe succeeded\" pod=\"a\"",
            "\"Probe succeeded\" pod=\"a\"",
            Some(Info),
            Some("cache.go:301"),
        ),
        (
            "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure",
            "authentication failure",
            None,
            Some("sshd(pam_unix)[19939]"),
        ),
        ("Jun  4 15:16:01 combo kernel: usbcore: registered", "usbcore: registered", None, Some("kernel")),
        ("[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok", "workerEnv.init() ok", Some(Notice), None),
        (
            "081109 203518 143 INFO dfs.DataNode$PacketResponder: PacketResponder 1 terminating",
            "PacketResponder 1 terminating",
            Some(Info),
            Some("dfs.DataNode$PacketResponder"),
        ),
        ("03-17 16:13:38.811  1702  2395 D WindowManager: printing", "printing", Some(Debug), Some("WindowManager")),
        (
            "20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579",
            "onStandStepChanged 3579",
            None,
            Some("Step_LSC"),
        ),
        (
            "2015-07-29 17:41:44,747 - WARN  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out: 3200",
            "Notification time out: 3200",
            Some(Warning),
            None,
        ),
        ("ERROR: relation does not exist", "relation does not exist", Some(Error), None),
        ("[warn] low on disk", "low on disk", Some(Warning), None),
        (
            "- 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.675872 R02-M1-N0-C:J12-U11 RAS KERNEL INFO instruction cache parity error corrected",
            "instruction cache parity error corrected",
            Some(Info),
            None,
        ),
        ("1117838570 INFO ready", "ready", Some(Info), None),
        // A number alone is no time.
        ("1117838570 alignment exceptions", "1117838570 alignment exceptions", None, None),
        // No time, no header.
        ("connection from 10.0.0.1", "connection from 10.0.0.1", None, None),
        (
            "10.0.0.1 - - [01/Mar/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 2",
            "10.0.0.1 - - [01/Mar/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 2",
            None,
            None,
        ),
        ("Errors were found: 3", "Errors were found: 3", None, None),
        ("\tat com.acme.Orders.load(Orders.java:12)", "\tat com.acme.Orders.load(Orders.java:12)", None, None),
        ("", "", None, None),
    ]
};

#[test]
fn the_message_begins_behind_time_level_thread_and_logger() {
    for (line, message, severity, logger) in LINES {
        let found = header(line.as_bytes());
        let text = |range: std::ops::Range<usize>| &line[range];
        assert_eq!(&line[found.message..], *message, "{line}");
        assert_eq!(found.severity, *severity, "{line}");
        assert_eq!(found.logger.clone().map(text), *logger, "{line}");
    }
}
