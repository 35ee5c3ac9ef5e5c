//! Owner: packaging. The package, unpacked and installed into a folder. Nothing of it reaches the machine
//! that tests it.
//!
//! It is made of the program that is tested. If `DIALHOOK_DEB` names a package, the tests read that one:
//! `.ci/run` does so with the release build.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::generated::shown;
use crate::manual::root;
use crate::util::skipped;

/// Makes the package, once for all tests.
pub(super) fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        if let Some(package) = std::env::var_os("DIALHOOK_DEB") {
            return root().join(package);
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
        fs::create_dir_all(target.join("release")).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_dialhook"), target.join("release/dialhook")).unwrap();
        let file = target.join("dialhook.deb");
        let mut command = Command::new(root().join("packaging/deb"));
        command.args(["--no-build", "--fast", "--output"]).arg(&file).env("CARGO_TARGET_DIR", &target);
        stdout_of(&mut command);
        file
    })
}

/// The standard output of a command. Panics if it fails or writes to standard error.
fn stdout_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaints}");
    String::from_utf8(output.stdout).unwrap()
}

pub(super) fn unpacked() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    stdout_of(Command::new("dpkg-deb").arg("-x").arg(package()).arg(folder.path()));
    stdout_of(Command::new("dpkg-deb").arg("-e").arg(package()).arg(folder.path().join("DEBIAN")));
    folder
}

/// Each file of the repository, and its place in the package.
const COPIES: [(&str, &str); 15] = [
    ("packaging/dialhook.toml", "etc/dialhook/dialhook.toml"),
    ("packaging/completions/dialhook.bash", "usr/share/bash-completion/completions/dialhook"),
    ("packaging/completions/_dialhook", "usr/share/zsh/vendor-completions/_dialhook"),
    ("packaging/completions/dialhook.fish", "usr/share/fish/vendor_completions.d/dialhook.fish"),
    ("systemd/dialhook.service", "usr/lib/systemd/system/dialhook.service"),
    ("systemd/dialhook.socket", "usr/lib/systemd/system/dialhook.socket"),
    ("README.md", "usr/share/doc/dialhook/README.md"),
    ("SECURITY.md", "usr/share/doc/dialhook/SECURITY.md"),
    ("docs/configuration.md", "usr/share/doc/dialhook/docs/configuration.md"),
    ("docs/images/calls.png", "usr/share/doc/dialhook/docs/images/calls.png"),
    ("docs/webhook-server.py", "usr/share/doc/dialhook/docs/webhook-server.py"),
    ("docs/monitoring/alerts.yml", "usr/share/doc/dialhook/docs/monitoring/alerts.yml"),
    ("dialplan-examples/asterisk/parts.conf", "usr/share/doc/dialhook/examples/asterisk/parts.conf"),
    ("dialplan-examples/haproxy.cfg", "usr/share/doc/dialhook/examples/haproxy.cfg"),
    ("dialplan-examples/freeswitch/parts.xml", "usr/share/doc/dialhook/examples/freeswitch/parts.xml"),
];

#[test]
fn every_file_is_in_its_place() {
    let folder = unpacked();
    for (source, place) in COPIES {
        let there = fs::read(folder.path().join(place)).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(there, fs::read(root().join(source)).unwrap(), "{place} is not {source}");
    }
    let conffiles = fs::read_to_string(folder.path().join("DEBIAN/conffiles")).unwrap();
    assert_eq!(conffiles, "/etc/dialhook/dialhook.toml\n");
}

#[test]
fn only_root_can_change_the_installed_files() {
    let listing = stdout_of(Command::new("dpkg-deb").arg("-c").arg(package()));
    for line in listing.lines() {
        let mut words = line.split_whitespace();
        let (mode, owner) = (words.next().unwrap(), words.next().unwrap());
        let modes = ["drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"];
        assert!(modes.contains(&mode) && owner == "0/0", "{line}");
    }
    // readable by everybody, for the service's user exists only while the service runs:
    // packaging/dialhook.toml says so
    for place in ["./etc/dialhook/", "./etc/dialhook/dialhook.toml"] {
        assert!(listing.lines().any(|line| line.ends_with(place) && line.contains("r-")), "{listing}");
    }
}

#[test]
fn the_packaged_program_runs_with_the_packaged_configuration() {
    let folder = unpacked();
    let program = || Command::new(folder.path().join("usr/bin/dialhook"));
    let version = stdout_of(program().arg("--version"));
    assert_eq!(version.trim(), concat!("dialhook ", env!("CARGO_PKG_VERSION")));
    let checked = stdout_of(
        program().args(["check", "--config"]).arg(folder.path().join("etc/dialhook/dialhook.toml")),
    );
    assert!(checked.contains("dialhook.toml: no fault, 0 hooks"), "{checked}");
    let examples = folder.path().join("usr/share/doc/dialhook/examples");
    let mut check = program();
    check.arg("check").arg("--config").arg(examples.join("dialhook.toml"));
    for (switch, ending) in [("asterisk", "conf"), ("freeswitch", "xml")] {
        let files = fs::read_dir(examples.join(switch)).unwrap().map(|file| file.unwrap().path());
        check.args(files.filter(|file| file.extension().is_some_and(|there| there == ending)));
    }
    assert!(stdout_of(&mut check).matches(": no fault, ").count() > 20);
}

#[test]
fn the_package_recommends_the_authorities_that_https_needs() {
    let recommended = stdout_of(Command::new("dpkg-deb").arg("-f").arg(package()).arg("Recommends"));
    assert_eq!(recommended.trim(), "ca-certificates");
}

#[test]
fn the_packaged_manual_pages_can_be_read() {
    let folder = unpacked();
    for (page, words) in [
        ("man1/dialhook.1", "dialhook - a webhook step"),
        ("man5/dialhook.toml.5", "dialhook.toml - the configuration"),
    ] {
        let compressed = folder.path().join(format!("usr/share/man/{page}.gz"));
        stdout_of(Command::new("gzip").arg("-dk").arg(&compressed));
        assert!(shown(&compressed.with_extension("")).contains(words), "{page}");
    }
}

#[test]
fn the_copyright_file_has_the_licences() {
    let folder = unpacked();
    let there = fs::read_to_string(folder.path().join("usr/share/doc/dialhook/copyright")).unwrap();
    let words =
        |text: &str| text.split_whitespace().filter(|word| *word != ".").collect::<Vec<_>>().join(" ");
    let mit = fs::read_to_string(root().join("LICENSE-MIT")).unwrap();
    let (_, terms) = mit.split_once("dialhook authors").unwrap();
    assert!(words(&there).contains(&words(terms)), "{there}");
    assert!(there.contains("License: MIT or Apache-2.0\n"), "{there}");
    assert!(there.contains("/usr/share/common-licenses/Apache-2.0"), "{there}");
    let others =
        fs::read_to_string(folder.path().join("usr/share/doc/dialhook/third-party-licences")).unwrap();
    for library in ["ring", "rustls", "tokio", "nom"] {
        assert!(others.contains(&format!("\n{library} v")), "{library} is not in it");
    }
    assert!(
        others.contains("Permission to use, copy, modify, and/or distribute"),
        "the text of ring's is not in it"
    );
}

/// The package on a fake machine: a folder, with tools that only record their command lines.
struct Machine {
    folder: TempDir,
}

const TOOLS: [&str; 3] = ["systemctl", "deb-systemd-helper", "deb-systemd-invoke"];

impl Machine {
    /// A machine on which the commands that match `fails` (a pattern of sh) fail.
    fn new(fails: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for place in ["tools", "root/var/lib/dpkg/info", "root/var/lib/dpkg/updates"] {
            fs::create_dir_all(folder.path().join(place)).unwrap();
        }
        fs::write(folder.path().join("root/var/lib/dpkg/status"), "").unwrap();
        for tool in TOOLS {
            let file = folder.path().join("tools").join(tool);
            let notes = folder.path().join("notes");
            let script = format!(
                "#!/bin/sh\necho {tool} \"$*\" >>'{}'\ncase \"$*\" in {fails}) exit 1 ;; esac\n",
                notes.display()
            );
            fs::write(&file, script).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    /// A command that finds the recording tools of this machine.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.folder.path().join("tools").display()));
        command.env("LC_ALL", "C");
        command
    }

    /// The command lines of the tools since the last time.
    fn tool_calls(&self) -> Vec<String> {
        let notes = self.folder.path().join("notes");
        let calls = fs::read_to_string(&notes).unwrap_or_default();
        fs::write(&notes, "").unwrap();
        calls.lines().map(str::to_owned).collect()
    }

    /// Runs a script of the package as dpkg would, where systemd runs: the calls of the tools, and what the
    /// script says.
    fn runs(&self, script: &str, arguments: &[&str]) -> (Vec<String>, String) {
        let unpacked = unpacked();
        let text = fs::read_to_string(unpacked.path().join("DEBIAN").join(script)).unwrap();
        let text = text
            .replace("[ -d /run/systemd/system ]", "[ -d / ]")
            .replace("[ -x \"/usr/bin/", "[ -n \"/usr/bin/");
        let file = self.folder.path().join(script);
        fs::write(&file, text).unwrap();
        let output = self.command("sh").arg("-e").arg(&file).args(arguments).output().unwrap();
        let complaints = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{script} {arguments:?}: {complaints}");
        (self.tool_calls(), complaints)
    }

    fn dpkg(&self, what: &str, which: &Path) -> Output {
        let mut command = self.command("dpkg");
        let root = self.folder.path().join("root");
        command.arg("--root").arg(&root).args([
            "--force-script-chrootless",
            "--force-depends",
            "--force-confold",
        ]);
        command.arg("--log").arg(self.folder.path().join("log")).arg(what).arg(which);
        let output = command.output().unwrap();
        assert!(output.status.success(), "dpkg {what}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn has(&self, place: &str) -> bool {
        self.folder.path().join("root").join(place).exists()
    }
}

const NOTHING: &str = "nothing";

#[test]
fn an_installation_enables_and_starts_both_units() {
    let (calls, _) = Machine::new(NOTHING).runs("postinst", &["configure", ""]);
    for unit in ["dialhook.service", "dialhook.socket"] {
        assert!(calls.contains(&format!("deb-systemd-helper enable {unit}")), "{calls:#?}");
        assert!(calls.contains(&format!("deb-systemd-invoke start {unit}")), "{calls:#?}");
    }
    let reread = calls.iter().position(|line| line == "systemctl --system daemon-reload").unwrap();
    let started = calls.iter().position(|line| line == "deb-systemd-invoke start dialhook.socket").unwrap();
    assert!(reread < started && !calls.iter().any(|line| line.contains("restart")), "{calls:#?}");
}

#[test]
fn an_upgrade_restarts_the_service_and_keeps_the_socket() {
    let machine = Machine::new(NOTHING);
    let (calls, complaints) = machine.runs("prerm", &["upgrade", "9.9.9-1"]);
    assert!(calls.is_empty(), "before the new program is there, calls are served by the old one: {calls:#?}");
    assert_eq!(complaints, "");
    let (calls, _) = machine.runs("postinst", &["configure", "0.0.1-1"]);
    let action = |line: &&String| line.starts_with("deb-systemd-invoke") || line.contains("reload dialhook");
    let actions: Vec<_> = calls.iter().filter(action).map(String::as_str).collect();
    let wanted = [
        "deb-systemd-invoke start dialhook.socket",
        "systemctl reload dialhook.service",
        "deb-systemd-invoke restart dialhook.service",
    ];
    assert_eq!(actions, wanted);
}

#[test]
fn an_upgrade_whose_configuration_is_refused_keeps_the_old_version_running() {
    let (calls, complaints) = Machine::new("reload*").runs("postinst", &["configure", "0.0.1-1"]);
    assert!(!calls.iter().any(|line| line.contains("restart")), "{calls:#?}");
    assert!(complaints.contains("not restarted, the version before goes on"), "{complaints}");
}

#[test]
fn an_upgrade_starts_a_service_that_does_not_run() {
    let (calls, _) = Machine::new("*is-active*").runs("postinst", &["configure", "0.0.1-1"]);
    assert!(calls.contains(&"deb-systemd-invoke start dialhook.service".to_owned()), "{calls:#?}");
    assert!(!calls.iter().any(|line| line.contains("restart")), "{calls:#?}");
}

#[test]
fn a_removal_stops_both_units_and_a_purge_disables_them() {
    let machine = Machine::new(NOTHING);
    let (calls, _) = machine.runs("prerm", &["remove"]);
    assert_eq!(calls, ["deb-systemd-invoke stop dialhook.service dialhook.socket"]);
    let (calls, _) = machine.runs("postrm", &["purge"]);
    assert!(
        calls.contains(&"deb-systemd-helper purge dialhook.service dialhook.socket".to_owned()),
        "{calls:#?}"
    );
}

#[test]
fn the_configuration_survives_an_upgrade_and_a_removal_but_not_a_purge() {
    if stdout_of(Command::new("id").arg("-u")).trim() != "0" {
        return skipped("installation, upgrade and removal of the package, into a folder: only root can");
    }
    let machine = Machine::new(NOTHING);
    let (file, program) = ("etc/dialhook/dialhook.toml", "usr/bin/dialhook");
    let edited = machine.folder.path().join("root").join(file);
    machine.dpkg("--install", package());
    fs::write(&edited, "company = \"acme\"\n").unwrap();
    machine.dpkg("--install", package());
    assert!(machine.has(program));
    assert_eq!(fs::read_to_string(&edited).unwrap(), "company = \"acme\"\n");
    machine.dpkg("--remove", Path::new("dialhook"));
    assert!(machine.has(file) && !machine.has(program));
    machine.dpkg("--purge", Path::new("dialhook"));
    assert!(!machine.has("etc/dialhook") && !machine.has("usr/share/doc/dialhook"));
    assert!(machine.tool_calls().iter().any(|line| line.starts_with("deb-systemd-helper purge")));
}
