//! What is found in an `extensions.conf`.

use super::*;
use crate::call::Parameter;

fn steps(text: &str) -> Vec<DialplanStep> {
    read(text).steps
}

fn written(line: &str) -> (String, Vec<(String, String)>) {
    let steps = steps(line);
    let call = steps[0].call.as_ref().unwrap().as_ref().unwrap();
    let pair = |p: &Parameter| (p.name.lossy().into_owned(), p.value.lossy().into_owned());
    (call.address.lossy().into_owned(), call.parameters.iter().map(pair).collect())
}

#[test]
fn a_step_is_found_where_asterisk_would_make_it() {
    let text = "[c]\n; AGI(agi://h/old)\nexten => 1,1,AGI(agi://127.0.0.1/crm) ; asks\n\
         same => n,AGI(local.sh)\n same => n,Agi(hagi://h.example/a?timeout=${T}&variable=V)\n\
         ;-- same => n,AGI(agi://h/old)\n --;\n";
    let found: Vec<_> =
        steps(text).into_iter().map(|step| (step.line, step.call.unwrap().unwrap().address)).collect();
    assert_eq!(found, [(3, Value::from("crm")), (5, Value::from("a?timeout=2&variable=V"))]);
    assert_eq!(written("AGI(agi://127.0.0.1)").0, "");
    assert_eq!(steps("AGI(agi://127.0.0.1/${HOOK})")[0].call, None);
    assert!(steps("AGI(agi://127.0.0.1?timeout=3)")[0].call.as_ref().unwrap().is_err());
}

#[test]
fn every_step_of_a_line_is_found() {
    let steps = steps("same => n,ExecIf($[1]?AGI(agi://127.0.0.1:4574/crm):EAGI(agi://[::1]/b))");
    assert_eq!((steps[0].step.as_str(), steps[0].port), ("AGI(agi://127.0.0.1:4574/crm)", Some(4574)));
    assert_eq!((steps[1].step.as_str(), steps[1].host.as_str()), ("AGI(agi://[::1]/b)", "::1"));
}

#[test]
fn an_ipv6_address_with_a_port_stands_in_brackets() {
    let faulty = steps("AGI(agi://::1:4573/crm)")[0].call.clone().unwrap().unwrap_err();
    assert!(faulty.ends_with("write agi://[::1]:4573/"), "{faulty}");
    assert!(steps("AGI(agi://[::1]:4573/crm)")[0].call.as_ref().unwrap().is_ok());
}

#[test]
fn arguments_are_split_as_asterisk_does() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        written(r#"AGI(agi://h/webhook,method=GET,"url=http://h/a,b?x=${URIENCODE(${EXTEN},q)}&y=\;1",timeout=$[1+1])"#).1,
        [pair("method", "GET"), pair("url", "http://h/a,b?x=x&y=;1"), pair("timeout", "2")]
    );
}

/// Line, variable and role of each use.
fn injections(text: &str) -> Vec<(usize, String, InjectionKind)> {
    let injections = read(text).injections.into_iter();
    injections.map(|found| (found.line, found.variable, found.kind)).collect()
}

#[test]
fn values_are_found_where_a_text_has_a_meaning() {
    for line in [
        "Dial(PJSIP/${CRM},30)",
        "Goto(${CRM},1)",
        "GotoIf($[\"${A}\" = \"b\"]?${CRM},s,1:x,1)",
        "ExecIf($[1]?Set(X=${CRM}))",
        "TryExec(${CRM})",
        "System(touch ${CRM})",
        "Originate(Local/${CRM}@a,app,Wait)",
        "Dial(Local/${JSON_DECODE(CRM,to)}@a)",
        "Set(X=${SHELL(${CRM})})",
        "AGI(${CRM})",
    ] {
        assert_eq!(injections(line), [(1, "CRM".to_owned(), InjectionKind::Command)], "{line}");
    }
    for line in [
        "GotoIf($[\"${CRM}\" = \"sales\"]?sales,1)",
        "Set(CALLERID(name)=${CRM})",
        "Dial(PJSIP/${FILTER(a-z,${CRM})})",
        "Verbose(1,${CRM})",
        "; Dial(${CRM})",
        "Goto(x,$[${LEN(${CRM})} + 1],1)",
    ] {
        assert_eq!(injections(line), [], "{line}");
    }
}

#[test]
fn what_an_extension_has_filtered_is_clean_until_the_next_step_or_extension() {
    let filtered = "exten => 1,1(a),Set(CRM=${FILTER(a-z,${CRM})})\n same => n,Dial(${CRM})\n";
    assert_eq!(injections(filtered), []);
    let again = format!("{filtered} same => n,AGI(agi://h/crm)\n same => n,Dial(${{CRM}})\n");
    assert_eq!(injections(&again), [(4, "CRM".to_owned(), InjectionKind::Command)]);
    let other = format!("{filtered}exten => 2,1,Dial(${{CRM}})\n");
    assert_eq!(injections(&other), [(3, "CRM".to_owned(), InjectionKind::Command)]);
    let sometimes = filtered.replace("Set(", "ExecIf($[1]?Set(").replace("})\n same", "}))\n same");
    assert!(injections(&sometimes).contains(&(2, "CRM".to_owned(), InjectionKind::Command)));
}

#[test]
fn what_callers_choose_is_told_apart() {
    let callers = |line: &str| read(line).injections.iter().any(|found| found.caller_chosen);
    for line in [
        "AGI(agi://h/webhook,url=http://h/?n=${CALLERID(num)})",
        "AGI(agi://h/crm?variable=${CALLERID(name)})",
        "AGI(agi://h/webhook,url=http://h/?n=${PJSIP_HEADER(read,X-A)})",
        "exten => _X.,1,AGI(agi://h/webhook,url=http://h/?n=${EXTEN})",
    ] {
        assert!(callers(line), "{line}");
    }
    for line in [
        "AGI(agi://h/webhook,url=http://h/?n=${URIENCODE(${CALLERID(num)})})",
        "AGI(agi://h/webhook,url=http://h/?n=${CALLERID(num-pres)})",
        "exten => _XXX,1,AGI(agi://h/webhook,url=http://h/?n=${EXTEN})",
        "AGI(agi://h/webhook,url=http://h/?n=${UNIQUEID})",
    ] {
        assert!(!callers(line), "{line}");
    }
    let copies = read("Set(__N=${CALLERID(num)})").copies;
    assert_eq!(
        copies,
        [VariableCopy { to: "N".to_owned(), from: "CALLERID".to_owned(), caller_chosen: true }]
    );
}
