//! How bad a line says that it is.

use std::fmt;

/// Ordered from harmless to worst. `Unknown` is below all: nothing was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    #[default]
    Unknown,
    Trace,
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
}

impl Severity {
    pub const ALL: [Self; 8] =
        [Self::Unknown, Self::Trace, Self::Debug, Self::Info, Self::Notice, Self::Warning, Self::Error, Self::Critical];

    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The severity that a level's name means, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        const LONGEST: usize = 11;
        let mut lower = [0u8; LONGEST];
        let room = lower.get_mut(..name.len())?;
        room.copy_from_slice(name);
        room.make_ascii_lowercase();
        Some(match &*room {
            b"trace" | b"finest" | b"finer" | b"verbose" | b"all" => Self::Trace,
            b"debug" | b"debug1" | b"debug2" | b"fine" | b"dbg" | b"config" => Self::Debug,
            b"info" | b"information" | b"log" | b"inf" | b"statement" => Self::Info,
            b"notice" | b"note" => Self::Notice,
            b"warn" | b"warning" | b"wrn" | b"alarm" => Self::Warning,
            b"error" | b"err" | b"severe" | b"failure" | b"eror" => Self::Error,
            b"fatal" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic" | b"dpanic" => {
                Self::Critical
            }
            _ => return None,
        })
    }

    /// What the words of a line say that has no level.
    pub fn of_words(line: &[u8]) -> Self {
        const BAD: [&[u8]; 9] = [
            b"error",
            b"exception",
            b"fail",
            b"fatal",
            b"panic",
            b"refused",
            b"denied",
            b"traceback",
            b"out of memory",
        ];
        let lower = line.iter().take(1024).map(u8::to_ascii_lowercase).collect::<Vec<u8>>();
        let has = |word: &&[u8]| lower.windows(word.len()).any(|part| part == *word);
        if BAD.iter().any(has) {
            Self::Error
        } else if has(&b"warn".as_slice()) {
            Self::Warning
        } else {
            Self::Unknown
        }
    }

    /// The severity of a number: bunyan and pino count from 10 to 60, syslog from 7 to 0.
    pub fn numbered(digits: &[u8]) -> Option<Self> {
        Some(match digits {
            b"10" => Self::Trace,
            b"20" | b"7" => Self::Debug,
            b"30" | b"6" => Self::Info,
            b"5" => Self::Notice,
            b"40" | b"4" => Self::Warning,
            b"50" | b"3" => Self::Error,
            b"60" | b"2" | b"1" | b"0" => Self::Critical,
            _ => return None,
        })
    }

    /// The severity of a level's letter, as in Android's and klog's headers.
    pub fn lettered(letter: u8) -> Option<Self> {
        Some(match letter {
            b'V' | b'T' => Self::Trace,
            b'D' => Self::Debug,
            b'I' => Self::Info,
            b'N' => Self::Notice,
            b'W' => Self::Warning,
            b'E' => Self::Error,
            b'F' | b'C' | b'A' => Self::Critical,
            _ => return None,
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
