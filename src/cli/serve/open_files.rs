//! The limit of open files, and the calls that fit into it.

use tracing::{info, warn};

use crate::config::{Config, Limits};
use crate::server;

/// Raises the limit of open files to its maximum, because the usual 1,024 is too low.
pub(super) fn raise_open_files_limit(config: &Config) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => log_open_files_limit(config, limit),
        Err(error) => warn!("cannot raise the limit of open files: {error}"),
    }
}

/// Logs how many calls fit into the limit, if that is fewer than `limits.calls`. It is a warning only if the
/// configuration sets that number: the default is more than a first try in a shell needs.
fn log_open_files_limit(config: &Config, limit: u64) {
    let budget = OpenFilesBudget::of(config, limit);
    let (needed, fit) = (budget.needed, budget.calls);
    match budget.severity(config) {
        Some(Severity::Warning) => warn!(
            limit,
            needed,
            "the limit of open files allows only {fit} calls at once, fewer than [limits]; raise LimitNOFILE= (in a shell: ulimit -n), \
             or lower limits.calls or limits.detached"
        ),
        Some(Severity::Information) => info!(
            limit,
            "the limit of open files allows {fit} calls at once; raise LimitNOFILE= for more (in a shell: ulimit -n)"
        ),
        None => {}
    }
}

/// The open files that a configuration needs, and the calls that a limit allows.
#[derive(Debug, PartialEq, Eq)]
struct OpenFilesBudget {
    limit: u64,
    /// The number of open files that this configuration may need.
    needed: u64,
    /// The number of calls at once that the limit allows while there is no detached request.
    calls: u64,
}

/// The level of the log line about a limit that is too low.
#[derive(Debug, PartialEq, Eq)]
enum Severity {
    Warning,
    Information,
}

impl OpenFilesBudget {
    fn of(config: &Config, limit: u64) -> Self {
        let detaches = config.every_hook().any(|hook| hook.delivery.detach);
        let with = |calls, detached| {
            let limits = Limits { calls, detached, ..config.limits.clone() };
            u64::try_from(server::descriptors(&Config { limits, ..config.clone() })).unwrap_or(u64::MAX)
        };
        let Limits { calls, detached, .. } = config.limits;
        let (none, one) = (with(0, 0), with(1, 0));
        let fit = limit.saturating_sub(none) / one.saturating_sub(none).max(1);
        let calls_wanted = u64::try_from(calls).unwrap_or(u64::MAX);
        Self { limit, needed: with(calls, if detaches { detached } else { 0 }), calls: fit.min(calls_wanted) }
    }

    fn severity(&self, config: &Config) -> Option<Severity> {
        match self.limit >= self.needed {
            true => None,
            false if config.sets_limits || self.calls == 0 => Some(Severity::Warning),
            false => Some(Severity::Information),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Returns the needed files, the allowed calls, and the level of the log line.
    fn budget(tables: &str, limit: u64) -> (u64, u64, Option<Severity>) {
        let listen = "[listen]\nobserver = false\n";
        let config = Config::parse(&format!("{listen}{tables}"), Path::new("dialhook.toml")).unwrap();
        let budget = OpenFilesBudget::of(&config, limit);
        (budget.needed, budget.calls, budget.severity(&config))
    }

    #[test]
    fn too_few_open_files_are_a_warning_only_if_the_file_sets_the_limits() {
        assert_eq!(budget("", 1024), (30_150, 291, Some(Severity::Information)));
        assert_eq!(budget("", 30_150), (30_150, 10_000, None));
        assert_eq!(budget("[limits]\ncalls = 10000\n", 1024), (30_150, 291, Some(Severity::Warning)));
        assert_eq!(budget("[limits]\ncalls = 200\n", 1024), (750, 200, None));
        assert_eq!(budget("", 100), (30_150, 0, Some(Severity::Warning)));
    }

    #[test]
    fn detached_requests_need_open_files_only_if_a_hook_detaches() {
        let limits = "[limits]\ncalls = 100\ndetached = 300\n";
        let detaching = format!("{limits}[hook.tell]\nurl = \"http://h/\"\ndetach = true\n");
        assert_eq!(budget(limits, 450), (450, 100, None));
        assert_eq!(budget(&detaching, 450), (750, 100, Some(Severity::Warning)));
        assert_eq!(budget(&detaching, 750), (750, 100, None));
    }
}
