//! Owner: the tests. The process of an Asterisk, its folder and its configuration files.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

/// Asterisk's process and the folder it works in.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) state: TempDir,
}

impl Process {
    pub(super) fn spawn(root: &Path, files: &[(&str, &str)]) -> (Process, u16) {
        let state = tempfile::tempdir().expect("a temporary folder");
        let port = manager_port();
        let pjsip = files.iter().any(|(name, _)| *name == "pjsip.conf");
        let own = configuration(root, &state, port, pjsip);
        let own = own.iter().map(|(name, text)| (*name, text.as_str()));
        for (name, text) in own.chain(files.iter().copied()) {
            fs::write(state.path().join(name), text).expect("the temporary folder is writable");
        }

        let libraries: Vec<_> = fs::read_to_string(root.join("libraries"))
            .expect("tests/asterisk/fetch writes this list")
            .lines()
            .map(|folder| root.join(folder).display().to_string())
            .collect();
        let console = File::create(state.path().join("console")).expect("the temporary folder is writable");
        let child = Command::new(root.join("loader"))
            .args(["--library-path", &libraries.join(":")])
            .arg(root.join("usr/sbin/asterisk"))
            .arg("-f")
            .arg("-C")
            .arg(state.path().join("asterisk.conf"))
            .stdin(Stdio::null())
            .stdout(console.try_clone().expect("a second handle"))
            .stderr(console)
            .spawn()
            .expect("the fetched loader can be run");
        (Process { child, state }, port)
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    pub(super) fn text(&self, name: &str) -> String {
        let text = fs::read(self.state.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    pub(super) fn log_tail(&self) -> String {
        let mut tail = String::new();
        for name in ["console", "log"] {
            let text = self.text(name);
            tail.push_str(&format!("--- {name}\n"));
            for line in text.lines().skip(text.lines().count().saturating_sub(60)) {
                tail.push_str(&format!("{line}\n"));
            }
        }
        tail
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _ended_before = self.child.wait();
    }
}

/// A free port for a manager interface, below those that port 0 gives (`ip_local_port_range`, from 32,768):
/// between our look and Asterisk's start no other test's listener can get it, and receive our manager's login.
fn manager_port() -> u16 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let first = u64::from(std::process::id()) * 97;
    for _ in 0..1000 {
        let turn = first + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from(turn % 10_000).expect("less than 10,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port of 127.0.0.1 from 20000 to 29999 is free");
}

/// The configuration files of every Asterisk in the tests.
fn configuration(root: &Path, state: &TempDir, port: u16, pjsip: bool) -> Vec<(&'static str, String)> {
    let dir = state.path().display();
    let mut asterisk = String::from("[directories]\n");
    for key in ["etc", "varlib", "db", "key", "spool", "run", "log"] {
        asterisk.push_str(&format!("ast{key}dir => {dir}\n"));
    }
    let (modules, data) = (root.join("modules"), root.join("usr/share/asterisk"));
    asterisk.push_str(&format!("astagidir => {dir}\nastmoddir => {}\n", modules.display()));
    asterisk
        .push_str(&format!("astdatadir => {}\n[options]\nverbose = 3\nmaxfiles = 8192\n", data.display()));
    let mut loaded = String::from("[modules]\nautoload = no\n");
    for module in MODULES.split(' ').chain(PJSIP.split(' ').filter(|_| pjsip)) {
        if modules.join(format!("{module}.so")).exists() {
            loaded.push_str(&format!("load = {module}.so\n"));
        }
    }
    let manager = format!(
        "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {port}\n\
         [tests]\nsecret = {secret}\nread = system,call,dialplan,user\nwrite = all\nwritetimeout = 5000\n",
        secret = secret(state)
    );
    let fixed = [
        (
            "logger.conf",
            "[general]\ndateformat = %T.%3q\n[logfiles]\nlog = notice,warning,error,verbose(3)\n",
        ),
        ("indications.conf", "[general]\ncountry = us\n[us]\ndescription = -\nring = 440+480/2000,0/4000\n"),
        ("cdr.conf", "[general]\nenable = no\n"),
        ("cel.conf", "[general]\nenable = no\n"),
        // Without them the log has errors.
        ("acl.conf", ""),
        ("ccss.conf", ""),
        ("features.conf", ""),
        ("udptl.conf", ""),
    ];
    let made = [("asterisk.conf", asterisk), ("modules.conf", loaded), ("manager.conf", manager)];
    made.into_iter().chain(fixed.map(|(name, text)| (name, text.to_owned()))).collect()
}

/// A password that no other Asterisk knows: the one that accepts it is this test's own.
pub(super) fn secret(state: &TempDir) -> String {
    state.path().file_name().expect("it has a name").to_string_lossy().replace('.', "")
}

/// The modules that dialplans in the tests and examples may use. Set, Goto, GotoIf, NoOp and Wait are built
/// in. res_agi does not load without res_speech. A release's missing ones are left out.
const MODULES: &str = "\
    pbx_config res_timing_timerfd res_speech res_agi bridge_simple codec_ulaw \
    app_db app_dial app_exec app_originate app_playtones app_stack app_userevent app_verbose app_while \
    func_base64 func_callerid func_channel func_cut func_db func_dialplan func_env func_global func_hangupcause \
    func_json func_logic func_math func_module func_rand func_sprintf func_strings func_timeout func_uri func_version";

/// The further modules for calls by SIP.
const PJSIP: &str = "\
    res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session \
    res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_anonymous res_pjsip_caller_id \
    res_pjsip_sdp_rtp res_pjsip_pubsub res_pjsip_header_funcs res_rtp_asterisk chan_pjsip";
