//! Steps and injections are found in an `extensions.conf`.

use super::*;
use crate::call::Parameter;
use crate::dialplan::testing::{call, fault};

fn steps(text: &str) -> Vec<DialplanStep> {
    read(text).steps
}

/// Returns the address and the parameters of the first step of a line.
fn written(line: &str) -> (String, Vec<(String, String)>) {
    let steps = steps(line);
    let call = call(&steps[0]);
    let pair = |p: &Parameter| (p.name.lossy().into_owned(), p.value.lossy().into_owned());
    (call.address.lossy().into_owned(), call.parameters.iter().map(pair).collect())
}

#[test]
fn a_step_is_found_outside_of_comments_only() {
    let text = "[c]\n; AGI(agi://h/old)\nexten => 1,1,AGI(agi://127.0.0.1/crm) ; asks\n\
         same => n,AGI(local.sh)\n same => n,Agi(hagi://h.example/a?timeout=${T}&variable=V)\n\
         ;-- same => n,AGI(agi://h/old)\n --;\n";
    let found: Vec<_> = steps(text).iter().map(|step| (step.line, call(step).address.clone())).collect();
    assert_eq!(found, [(3, Value::from("crm")), (5, Value::from("a?timeout=2&variable=V"))]);
    assert_eq!(written("AGI(agi://127.0.0.1)").0, "");
    assert_eq!(steps("AGI(agi://127.0.0.1/${HOOK})")[0].target, StepTarget::AnyHook);
    assert!(fault(&steps("AGI(agi://127.0.0.1?timeout=3)")[0]).ends_with("before the question mark"));
}

#[test]
fn every_step_of_a_line_is_found() {
    let steps = steps("same => n,ExecIf($[1]?AGI(agi://127.0.0.1:4574/crm):EAGI(agi://[::1]/b))");
    assert_eq!((steps[0].step.as_str(), steps[0].port), ("AGI(agi://127.0.0.1:4574/crm)", Some(4574)));
    assert_eq!((steps[1].step.as_str(), steps[1].host.as_str()), ("AGI(agi://[::1]/b)", "::1"));
}

#[test]
fn every_application_form_of_a_step_is_found() {
    for (line, found) in [
        ("same => n,ExecIf($[1]?AGI(agi://h/a):AGI(agi://h/b))", vec!["AGI(agi://h/a)", "AGI(agi://h/b)"]),
        (
            "same => n,ExecIf($[\"${X}\"=\")\"]?AGI(agi://h/a):AGI(agi://h/b))",
            vec!["AGI(agi://h/a)", "AGI(agi://h/b)"],
        ),
        ("same => n,ExecIfTime(9:00-17:00,mon-fri,*,*?AGI(agi://h/a))", vec!["AGI(agi://h/a)"]),
        ("same => n,TryExec(DeadAGI(agi://h/a,x=(y)))", vec!["AGI(agi://h/a)"]),
        ("same => n,AGI(agi://h/a) ;-- AGI(agi://h/old) --;", vec!["AGI(agi://h/a)"]),
        ("same => n,AGI(agi://h/a?x=agi://h/b)", vec!["AGI(agi://h/a?x=agi://h/b)"]),
        // the address is an argument of a subroutine, and no step of this line
        ("same => n,Gosub(ask,s,1(agi://h/a,agi://h/b))", vec![]),
        ("same => n,GosubIf($[1]?ask,s,1(agi://h/a):ask,s,2(agi://h/b))", vec![]),
    ] {
        let steps = steps(line);
        assert_eq!(steps.iter().map(|step| step.step.as_str()).collect::<Vec<_>>(), found, "{line}");
    }
}

#[test]
fn steps_around_block_comments_keep_their_lines() {
    let text = "same => n,AGI(agi://h/a) ;-- same => n,AGI(agi://h/b)\n;-- nested\nsame => n,AGI(agi://h/c)\n\
         --; AGI(agi://h/d)\n--; same => n,AGI(agi://h/e)\nsame => n,AGI(agi://h/f) ;-- not closed\n\
         same => n,AGI(agi://h/g)\n";
    let found: Vec<_> = steps(text).iter().map(|step| (step.line, call(step).address.clone())).collect();
    assert_eq!(found, [(1, Value::from("a")), (5, Value::from("e")), (6, Value::from("f"))]);
}

#[test]
fn an_ipv6_address_with_a_port_is_in_brackets() {
    let steps = steps("AGI(agi://::1:4573/crm)\nAGI(agi://[::1]:4573/crm)");
    assert!(fault(&steps[0]).ends_with("write agi://[::1]:4573/"));
    assert_eq!(call(&steps[1]).address, Value::from("crm"));
}

#[test]
fn arguments_are_split_as_asterisk_does() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        written(r#"AGI(agi://h/webhook,method=GET,"url=http://h/a,b?x=${URIENCODE(${EXTEN},q)}&y=\;1",timeout=$[1+1])"#).1,
        [pair("method", "GET"), pair("url", "http://h/a,b?x=x&y=;1"), pair("timeout", "2")]
    );
}

/// Returns line, variable and kind of each injection.
fn injections(text: &str) -> Vec<(usize, String, InjectionKind)> {
    let injections = read(text).injections.into_iter();
    injections.map(|found| (found.line, found.variable, found.kind)).collect()
}

#[test]
fn a_value_is_an_injection_where_asterisk_interprets_its_text() {
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
fn a_filtered_variable_is_harmless_until_the_next_step_or_extension() {
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
fn values_that_a_caller_chooses_are_marked() {
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
