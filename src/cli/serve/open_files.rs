//! The limit of open files, and the calls that fit into it.

use tracing::{info, warn};

use crate::config::{Config, Limits};
use crate::server;

/// Raises the limit of file descriptors as far as it goes: the usual 1,024 is not for us.
pub(super) fn raise_open_files_limit(config: &Config) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => log_open_files_limit(config, limit),
        Err(error) => warn!("cannot raise the limit of file descriptors: {error}"),
    }
}

/// Says how many calls fit, where that is fewer than `limits.calls`. A person who wrote that number must know; the default is
/// more than a first try in a shell ever needs.
fn log_open_files_limit(config: &Config, limit: u64) {
    let budget = OpenFilesBudget::of(config, limit);
    let (needed, fit) = (budget.needed, budget.calls);
    match budget.severity(config) {
        Some(Severity::Warning) => warn!(
            limit,
            needed,
            "{fit} calls at once fit into the file descriptors of this process, fewer than [limits] wants; raise \
             LimitNOFILE= (in a shell: ulimit -n), or lower limits.calls or limits.detached"
        ),
        Some(Severity::Information) => info!(
            limit,
            "{fit} calls at once fit into the file descriptors of this process; for more, raise LimitNOFILE= (in a \
             shell: ulimit -n)"
        ),
        None => {}
    }
}

/// How much a limit of file descriptors has room for.
#[derive(Debug, PartialEq, Eq)]
struct OpenFilesBudget {
    limit: u64,
    /// How many descriptors this configuration may need.
    needed: u64,
    /// How many calls fit while no detached request is under way.
    calls: u64,
}

/// How it is said that there is too little budget.
#[derive(Debug, PartialEq, Eq)]
enum Severity {
    Warning,
    Information,
}

impl OpenFilesBudget {
    fn of(config: &Config, limit: u64) -> Self {
        let detaches = config.every_hook().any(|hook| hook.manner.detach);
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

    /// The room in this limit for a configuration, and how it is said.
    fn budget(tables: &str, limit: u64) -> (u64, u64, Option<Severity>) {
        let listen = "[listen]\nobserver = false\n";
        let config = Config::parse(&format!("{listen}{tables}"), Path::new("dialhook.toml")).unwrap();
        let budget = OpenFilesBudget::of(&config, limit);
        (budget.needed, budget.calls, budget.severity(&config))
    }

    #[test]
    fn too_few_descriptors_are_a_warning_only_where_the_file_wants_more() {
        assert_eq!(budget("", 1024), (30_150, 291, Some(Severity::Information)));
        assert_eq!(budget("", 30_150), (30_150, 10_000, None));
        assert_eq!(budget("[limits]\ncalls = 10000\n", 1024), (30_150, 291, Some(Severity::Warning)));
        assert_eq!(budget("[limits]\ncalls = 200\n", 1024), (750, 200, None));
        assert_eq!(budget("", 100), (30_150, 0, Some(Severity::Warning)));
    }

    #[test]
    fn detached_requests_need_descriptors_only_where_a_hook_makes_some() {
        let limits = "[limits]\ncalls = 100\ndetached = 300\n";
        let detaching = format!("{limits}[hook.tell]\nurl = \"http://h/\"\ndetach = true\n");
        assert_eq!(budget(limits, 450), (450, 100, None));
        assert_eq!(budget(&detaching, 450), (750, 100, Some(Severity::Warning)));
        assert_eq!(budget(&detaching, 750), (750, 100, None));
    }
}
