//! Every key that holds a duration: its notations and its bounds.

use std::time::Duration;

use super::{Config, parse};

/// A key with its bounds, in milliseconds.
struct Key {
    name: &'static str,
    /// The file with `VALUE` in the place of the value.
    file: &'static str,
    read: fn(&Config) -> Duration,
    shortest: u64,
    longest: u64,
    /// The bounds and the example as a fault names them.
    right: &'static str,
}

const KEYS: [Key; 7] = [
    Key {
        name: "history.age",
        file: "[history]\n\nage = VALUE\n",
        read: |config| config.history.age,
        shortest: 1000,
        longest: 604_800_000,
        right: "write a value from 1s to 168h, such as \"24h\"",
    },
    Key {
        name: "hook.a.timeout",
        file: "[hook.a]\nurl = \"http://h/\"\ntimeout = VALUE\n",
        read: |config| config.policy.hooks["a"].timeout.get(),
        shortest: 1000,
        longest: 10_000,
        right: "write a value from 1s to 10s, such as \"2s\"",
    },
    Key {
        name: "limits.patience",
        file: "[limits]\n\npatience = VALUE\n",
        read: |config| config.limits.patience,
        shortest: 1000,
        longest: 30_000,
        right: "write a value from 1s to 30s, such as \"5s\"",
    },
    Key {
        name: "limits.drain_notice",
        file: "[limits]\n\ndrain_notice = VALUE\n",
        read: |config| config.limits.drain_notice,
        shortest: 0,
        longest: 30_000,
        right: "write a value from 0s to 30s, such as \"5s\"",
    },
    Key {
        name: "hook.a.breaker.probe",
        file: "[hook.a]\nurl = \"http://h/\"\nbreaker = { probe = VALUE }\n",
        read: |config| config.policy.hooks["a"].delivery.breaker.unwrap().probe,
        shortest: 1000,
        longest: 3_600_000,
        right: "write a value from 1s to 1h, such as \"10s\"",
    },
    Key {
        name: "hook.a.cache",
        file: "[hook.a]\nurl = \"http://h/\"\ncache = VALUE\nmethod = \"GET\"\n",
        read: |config| config.policy.hooks["a"].delivery.cache.unwrap().fresh,
        shortest: 1000,
        longest: 86_400_000,
        right: "write a value from 1s to 24h, such as \"60s\"",
    },
    Key {
        name: "hook.a.stale_if_error",
        file: "[hook.a]\nurl = \"http://h/\"\nstale_if_error = VALUE\ncache = 60\nmethod = \"GET\"\n",
        read: |config| config.policy.hooks["a"].delivery.cache.unwrap().stale,
        shortest: 1000,
        longest: 86_400_000,
        right: "write a value from 1s to 24h, such as \"10m\"",
    },
];

impl Key {
    fn parse(&self, value: &str) -> Result<Duration, Vec<String>> {
        parse(&self.file.replace("VALUE", value)).map(|config| (self.read)(&config))
    }
}

#[test]
fn every_duration_takes_every_notation() {
    for key in &KEYS {
        for (value, milliseconds) in [
            ("\"1500ms\"", 1500),
            ("\"2s\"", 2000),
            ("\"2 s\"", 2000),
            ("\"2\"", 2000),
            ("\"2.5\"", 2500),
            ("2", 2000),
            ("2.5", 2500),
            ("\"0.05m\"", 3000),
            ("\"0.001h\"", 3600),
        ] {
            assert_eq!(key.parse(value), Ok(Duration::from_millis(milliseconds)), "{}: {value}", key.name);
        }
    }
}

#[test]
fn every_duration_has_its_own_bounds() {
    for key in &KEYS {
        for milliseconds in [key.shortest, key.longest] {
            let read = key.parse(&format!("\"{milliseconds}ms\""));
            assert_eq!(read, Ok(Duration::from_millis(milliseconds)), "{}", key.name);
        }
        let too_long = key.longest + 1;
        assert!(key.parse(&format!("\"{too_long}ms\"")).is_err(), "{}", key.name);
        if let Some(too_short) = key.shortest.checked_sub(1) {
            assert!(key.parse(&format!("\"{too_short}ms\"")).is_err(), "{}", key.name);
        }
    }
}

#[test]
fn a_wrong_duration_is_shown_with_its_bounds_and_an_example() {
    for key in &KEYS {
        for value in ["-1", "1e0", "\"-5s\"", "\"soon\"", "\"infs\"", "\"1d\"", "true", "[2]", "900000.0"] {
            let Err(faults) = key.parse(value) else { panic!("{}: {value}", key.name) };
            assert_eq!(faults, [format!("3: {}: found {value}; {}", key.name, key.right)]);
        }
    }
}
