//! Owner: dialplan. `dialhook check` with a dialplan: faults of its steps, and notices about values that
//! strangers choose.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::util::{configured, run};

/// A dialplan of this name and these bytes beside a configuration.
struct Checked {
    _folder: TempDir,
    configuration: PathBuf,
    dialplan: PathBuf,
}

impl Checked {
    fn new(configuration: &str, name: &str, dialplan: impl AsRef<[u8]>) -> Self {
        let (folder, file) = configured(configuration);
        let path = folder.path().join(name);
        fs::write(&path, dialplan).unwrap();
        Self { _folder: folder, configuration: file, dialplan: path }
    }

    /// Exit status, standard output and standard error of `check`, the dialplan's path written `FILE`.
    async fn check(&self) -> (i32, String, String) {
        let [configuration, dialplan] =
            [&self.configuration, &self.dialplan].map(|path| path.to_str().unwrap());
        let (status, out, err) = run(&["check", "--config", configuration, dialplan]).await;
        let short = |text: String| text.replace(dialplan, "FILE");
        (status, short(out), short(err))
    }

    /// The notices; there is no fault.
    async fn notices(&self) -> Vec<String> {
        let (status, out, err) = self.check().await;
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        out.lines().filter_map(|line| line.strip_prefix("note       ")).map(str::to_owned).collect()
    }

    /// The faults; there is no notice.
    async fn faults(&self) -> Vec<String> {
        let (status, out, err) = self.check().await;
        assert_eq!((status, out.as_str()), (1, ""), "{err}");
        err.lines().filter_map(|line| line.strip_prefix("dialhook: ")).map(str::to_owned).collect()
    }
}

/// A hook whose answer may be any text, one whose answers are listed, and one with a part of each kind.
const HOOKS: &str = "[hook.crm]\nurl = \"http://h/\"\nvariable = \"CRM\"\naccept = \"any\"\n\
                     [hook.route]\nurl = \"http://h/\"\nvariable = \"ROUTE\"\nanswers = [\"sales\"]\n\
                     [hook.parts]\nurl = \"http://h/\"\naccept = \"any\"\n\
                     set = { NAME = \"/name\", QUEUE = { json = \"/queue\", answers = [\"a\"] }, CODE = { status = true } }\n";

fn xml(actions: &str) -> String {
    format!("<include>\n<extension name=\"x\"><condition>\n{actions}\n</condition></extension>\n</include>\n")
}

#[tokio::test]
async fn a_comment_in_latin_1_hides_no_step() {
    let conf = b"; caf\xe9\nexten => 1,1,AGI(agi://127.0.0.1/cmr)\n".to_vec();
    let fault = "FILE:2: AGI(agi://127.0.0.1/cmr): no such hook; did you mean crm?";
    assert_eq!(Checked::new(HOOKS, "extensions.conf", conf).faults().await, [fault]);
    let text = xml("<!-- caf\u{e9} --><action application=\"socket\" data=\"127.0.0.1:8084/cmr\"/>");
    let latin: Vec<u8> = text.chars().map(|character| u8::try_from(character).unwrap()).collect();
    let fault = "FILE:3: socket 127.0.0.1:8084/cmr: no such hook; did you mean crm?";
    assert_eq!(Checked::new(HOOKS, "x.xml", latin).faults().await, [fault]);
}

#[tokio::test]
async fn a_byte_order_mark_hides_no_step() {
    let conf = "\u{feff}exten => 1,1,AGI(agi://127.0.0.1/cmr)\n".as_bytes().to_vec();
    let fault = "FILE:1: AGI(agi://127.0.0.1/cmr): no such hook; did you mean crm?";
    assert_eq!(Checked::new(HOOKS, "extensions.conf", conf).faults().await, [fault]);
    let wide: Vec<u8> = "exten".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let fault = "FILE: it is in UTF-16; save it in UTF-8";
    assert_eq!(Checked::new(HOOKS, "extensions.conf", wide).faults().await, [fault]);
}

#[tokio::test]
async fn addresses_are_printed_and_required_in_the_form_of_each_switch() {
    let listen = "[listen]\nasterisk = \"[::1]:4573\"\nfreeswitch = \"[::1]:8084\"\n";
    let configuration = format!("{listen}{HOOKS}");
    let right = xml("<action application=\"socket\" data=\"::1:8084/crm\"/>");
    let (status, out, _) = Checked::new(&configuration, "x.xml", right).check().await;
    assert_eq!(status, 0);
    assert!(out.contains("\nasterisk   AGI(agi://[::1]:4573/NAME), "), "{out}");
    assert!(out.contains("\nfreeswitch socket ::1:8084/NAME, "), "{out}");
    assert!(out.ends_with("FILE: no fault, 1 webhook step\n"), "{out}");
    for wrong in ["[::1]:8084/crm", "[::1]/crm", "::1/crm"] {
        let dialplan = xml(&format!("<action application=\"socket\" data=\"{wrong}\"/>"));
        let remedy = "FreeSWITCH needs an IPv6 address without brackets and with a port; write ::1:8084/crm";
        let fault = format!("FILE:3: socket {wrong}: {remedy}");
        assert_eq!(Checked::new(&configuration, "x.xml", dialplan).faults().await, [fault]);
    }
    let conf = "exten => 1,1,AGI(agi://[::1]:4573/crm)\n same => n,AGI(agi://::1:4573/crm)\n";
    let remedy = "Asterisk reads all of it as an IPv6 address; write agi://[::1]:4573/";
    let fault = format!("FILE:2: AGI(agi://::1:4573/crm): {remedy}");
    assert_eq!(Checked::new(&configuration, "extensions.conf", conf).faults().await, [fault]);
}

#[tokio::test]
async fn every_step_of_a_line_is_checked_and_none_in_a_comment() {
    let conf = "exten => 1,1,ExecIf($[1]?AGI(agi://127.0.0.1/crm):AGI(agi://127.0.0.1/qqq))\n\
                ;-- same => n,AGI(agi://127.0.0.1/old)\n same => n,AGI(agi://127.0.0.1/old) --;\n";
    let faults = Checked::new(HOOKS, "extensions.conf", conf).faults().await;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("FILE:1: AGI(agi://127.0.0.1/qqq): no such hook;"), "{faults:?}");
}

#[tokio::test]
async fn a_text_in_a_command_of_asterisk_is_a_notice_with_its_line_and_a_remedy() {
    let conf = "exten => 1,1,AGI(agi://127.0.0.1/crm)\n same => n,Dial(PJSIP/${CRM},30)\n\
                same => n,GotoIf($[\"${CRM}\" = \"x\"]?sales,1)\n same => n,Goto(${ROUTE},1)\n\
                same => n,Set(COPY=${CRM})\n same => n,System(notify ${COPY})\n\
                same => n,Originate(Local/${NAME}@a,app,Wait)\n same => n,Dial(PJSIP/${QUEUE}${CODE})\n\
                same => n,Set(CRM=${FILTER(a-z,${CRM})})\n same => n,Dial(PJSIP/${CRM})\n\
                same => n,AGI(agi://127.0.0.1/crm?variable=OWN)\n same => n,Goto(${OWN},1)\n";
    let notices = Checked::new(HOOKS, "extensions.conf", conf).notices().await;
    let harm = "and could become a command or another destination here; give";
    let expected = [
        format!(
            "FILE:2: Dial(PJSIP/${{CRM}},30): ${{CRM}} is a free text of [hook.crm], {harm} [hook.crm] answers = [\"…\"], or accept = \"word\""
        ),
        format!("FILE:6: System(notify ${{COPY}}): ${{COPY}} is a free text of [hook.crm], {harm}"),
        format!(
            "FILE:7: Originate(Local/${{NAME}}@a,app,Wait): ${{NAME}} is a free text of [hook.parts], {harm}"
        ),
        format!("FILE:12: Goto(${{OWN}},1): ${{OWN}} is a free text of [hook.crm], {harm}"),
    ];
    assert_eq!(notices.len(), expected.len(), "{notices:#?}");
    assert!(
        notices.iter().zip(&expected).all(|(notice, expected)| notice.starts_with(expected)),
        "{notices:#?}"
    );
}

#[tokio::test]
async fn a_text_in_a_command_of_freeswitch_is_a_notice_too() {
    let actions = "<action application=\"socket\" data=\"127.0.0.1:8084/crm\"/>\n\
                   <action application=\"bridge\" data=\"${crm}\"/>\n\
                   <action application=\"transfer\" data=\"${crm} XML routed\"/>\n\
                   <action application=\"transfer\" data=\"${route} XML routed\"/>\n\
                   <action application=\"set\" data=\"api_on_answer=log ${crm}\"/>\n\
                   <action application=\"log\" data=\"NOTICE ${crm}\"/>\n\
                   <action application=\"log\" data=\"${originate(${crm} 1)}\"/>";
    let notices = Checked::new(HOOKS, "x.xml", xml(actions)).notices().await;
    let lines: Vec<_> = notices.iter().map(|notice| notice.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["FILE:4", "FILE:5", "FILE:7", "FILE:9"], "{notices:#?}");
    assert!(
        notices[0].starts_with("FILE:4: bridge ${crm}: ${crm} is a free text of [hook.crm], "),
        "{notices:?}"
    );
}

#[tokio::test]
async fn a_condition_that_accepts_words_only_needs_no_notice() {
    let extension = |expression: &str| {
        format!(
            "<x><extension><condition field=\"${{crm}}\" expression=\"{expression}\">\n\
             <action application=\"bridge\" data=\"user/$1\"/></condition></extension></x>"
        )
    };
    assert_eq!(Checked::new(HOOKS, "x.xml", extension(r"^(\d+)$")).notices().await, [] as [&str; 0]);
    let notices = Checked::new(HOOKS, "x.xml", extension("^(.+)$")).notices().await;
    assert!(
        notices[0].starts_with("FILE:2: bridge user/$1: $1 is a free text of [hook.crm], "),
        "{notices:?}"
    );
}

#[tokio::test]
async fn a_value_of_the_caller_must_be_encoded_in_a_step() {
    let conf = "exten => _X.,1,AGI(agi://127.0.0.1/webhook,\"url=http://h/?n=${CALLERID(num)}\")\n\
                same => n,AGI(agi://127.0.0.1/webhook,url=http://h/?n=${URIENCODE(${CALLERID(num)})})\n\
                same => n,AGI(agi://127.0.0.1/webhook,url=http://h/?n=${EXTEN})\n\
                same => n,AGI(agi://127.0.0.1/webhook,url=http://h/?n=${CRM})\n\
                exten => _XXX,1,AGI(agi://127.0.0.1/webhook,url=http://h/?n=${EXTEN})\n";
    let notices = Checked::new(HOOKS, "extensions.conf", conf).notices().await;
    let expected = |line: u8, value: &str| {
        format!(
            "FILE:{line}: AGI(agi://127.0.0.1/webhook): {value} comes from outside, and a comma, a quote or a line feed \
             in it would change the step; write ${{URIENCODE({value})}}"
        )
    };
    assert_eq!(notices, [expected(1, "${CALLERID(num)}"), expected(3, "${EXTEN}"), expected(4, "${CRM}")]);
    let actions = "<action application=\"set\" data=\"webhook_url=http://h/?n=${caller_id_number}\"/>\n\
                   <action application=\"set\" data=\"webhook_url=http://h/?n=${url_encode(${caller_id_number})}\"/>\n\
                   <action application=\"socket\" data=\"127.0.0.1:8084\"/>";
    let notices = Checked::new(HOOKS, "x.xml", xml(actions)).notices().await;
    assert_eq!(
        notices,
        [
            "FILE:3: set webhook_url=http://h/?n=${caller_id_number}: ${caller_id_number} comes from outside, and a & or # \
          in it would change the url; write ${url_encode(${caller_id_number})}"
        ]
    );
}

#[tokio::test]
async fn a_url_that_was_cut_or_split_is_a_fault() {
    let conf = "exten => 1,1,AGI(agi://127.0.0.1/webhook,url=http://h/?to=#21#&from=1)\n\
                same => n,AGI(agi://127.0.0.1/webhook,url=http://h/?n={caller_number})\n\
                same => n,AGI(agi://127.0.0.1/webhook,url=http://h/?to=%2321%23)\n";
    let faults = Checked::new(HOOKS, "extensions.conf", conf).faults().await;
    assert_eq!(faults.len(), 2, "{faults:#?}");
    assert!(faults[0].starts_with("FILE:1: ") && faults[0].ends_with("write %23"), "{faults:#?}");
    assert!(
        faults[1].contains(":2: ") && faults[1].contains("{caller_number} would be sent literally"),
        "{faults:#?}"
    );
    let actions = "<action application=\"set\" data=\"webhook_url=http://h/?to=#21#\"/>\n\
                   <action application=\"socket\" data=\"127.0.0.1:8084\"/>";
    let faults = Checked::new(HOOKS, "x.xml", xml(actions)).faults().await;
    assert!(faults[0].starts_with("FILE:4: ") && faults[0].ends_with("write %23"), "{faults:#?}");
}

#[tokio::test]
async fn a_socket_on_a_leg_without_a_dialplan_is_a_notice() {
    let actions = "<action application=\"set\" data=\"execute_on_answer=socket 127.0.0.1:8084/crm async\"/>\n\
                   <action application=\"bridge\" data=\"{execute_on_media='socket 127.0.0.1:8084/crm'}user/1\"/>\n\
                   <action application=\"set\" data=\"api_on_answer=uuid_broadcast ${uuid} socket::127.0.0.1:8084/crm\\ async both\"/>";
    let notices = Checked::new(HOOKS, "x.xml", xml(actions)).notices().await;
    let lines: Vec<_> = notices.iter().map(|notice| notice.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["FILE:3", "FILE:5"], "{notices:#?}");
    assert!(notices.iter().all(|notice| notice.ends_with("leave async out")), "{notices:#?}");
    let actions = "<action application=\"set\" data=\"execute_on_answer=socket 127.0.0.1:8084/cmr\"/>\n\
                   <action application=\"socket\" data=\"127.0.0.1:8084/crm\" inline=\"true\"/>";
    let faults = Checked::new(HOOKS, "x.xml", xml(actions)).faults().await;
    assert_eq!(
        faults,
        [
            "FILE:3: execute_on_answer=socket 127.0.0.1:8084/cmr: no such hook; did you mean crm?",
            "FILE:4: socket 127.0.0.1:8084/crm: FreeSWITCH cannot run socket inline and skips it; remove inline"
        ]
    );
}

#[tokio::test]
async fn the_steps_of_the_same_file_decide_about_a_variable() {
    let free = "exten => 1,1,AGI(agi://127.0.0.1/crm?variable=ROUTE)\n";
    let checked = Checked::new(HOOKS, "free.conf", free);
    let other = checked.dialplan.with_file_name("other.conf");
    let paths = [&checked.configuration, &checked.dialplan, &other].map(|path| path.to_str().unwrap());
    for (dialplan, notices) in [
        ("exten => 1,1,AGI(agi://127.0.0.1/route)\n same => n,Goto(${ROUTE},1)\n", 0),
        ("exten => 1,1,Goto(${ROUTE},1)\n", 1),
        ("exten => 1,1,AGI(agi://127.0.0.1/${HOOK})\n same => n,Goto(${ROUTE},1)\n", 1),
    ] {
        fs::write(&other, dialplan).unwrap();
        let (status, out, _) = run(&["check", "--config", paths[0], paths[1], paths[2]]).await;
        assert_eq!((status, out.matches("\nnote ").count()), (0, notices), "{out}");
    }
}

#[tokio::test]
async fn a_fault_hides_no_notice() {
    let conf = "exten => 1,1,AGI(agi://127.0.0.1/cmr)\n same => n,Dial(PJSIP/${CRM})\n";
    let (status, out, err) = Checked::new(HOOKS, "extensions.conf", conf).check().await;
    assert_eq!((status, out.lines().count(), err.lines().count()), (1, 1, 1), "{out}{err}");
    assert!(out.starts_with("note       FILE:2: Dial(PJSIP/${CRM}): "), "{out}");
}

#[tokio::test]
async fn no_secret_of_a_url_is_shown() {
    let configuration = "[calls]\nurls = [\"https://h/?token=geheim\"]\n[hook.crm]\n\
                         url = \"https://h/r?token=geheim&did={callee_number}\"\nvariable = \"CRM\"\naccept = \"any\"\n";
    let actions = "<action application=\"set\" data=\"webhook_url=https://h/?token=geheim&amp;n=${caller_id_number}\"/>\n\
                   <action application=\"socket\" data=\"127.0.0.1:8084\"/>";
    let (status, out, err) = Checked::new(configuration, "x.xml", xml(actions)).check().await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains(" https://h/r?token=…&did={callee_number}; "), "{out}");
    assert!(out.contains("\nad hoc     URLs that begin with https://h/?token=…\n"), "{out}");
    assert!(out.contains(" set webhook_url=https://h/?token=…&n=${caller_id_number}: "), "{out}");
    assert!(!out.contains("geheim"), "{out}");
}
