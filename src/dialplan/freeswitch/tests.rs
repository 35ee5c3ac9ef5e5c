//! Steps and injections are found in an XML dialplan.

use super::super::parameter;
use super::*;
use crate::dialplan::testing::{call, fault};

const DIALPLAN: &str = r#"<include>
  <extension name="x"><condition>
    <action application="set" data="webhook_url=http://old/"/>
    <action application="set" data="webhook_url=http://h/?a=${url_encode(${x})}"/>
    <action application="socket" data="127.0.0.1:8084"/>
    <!-- <action application="socket" data="127.0.0.1:8084/old"/> -->
    <action application="socket" data="a:8084/crm?timeout=3&amp;variable=${V}|b:8085/other async full"/>
  </condition></extension>
</include>"#;

#[test]
fn a_step_is_found_with_its_parameters() {
    let steps = read(DIALPLAN).unwrap().steps;
    assert_eq!(steps.iter().map(|step| step.line).collect::<Vec<_>>(), [5, 7, 7]);
    assert_eq!(call(&steps[0]).address, Value::default());
    assert_eq!(call(&steps[0]).parameters, [parameter("url=http://h/?a=x")]);
    assert_eq!(call(&steps[1]).address, Value::from("crm?timeout=3&variable=x"));
    assert_eq!(call(&steps[2]).address, Value::from("other"));
}

#[test]
fn a_static_socket_that_resumes_and_a_text_that_is_not_xml_are_faults() {
    let resumed = DIALPLAN.replace("webhook_url=http://old/", "socket_resume=true");
    let steps = read(&resumed).unwrap().steps;
    assert!(fault(&steps[0]).ends_with("remove socket_resume"));
    assert_eq!(call(&steps[1]).address, Value::from("crm?timeout=3&variable=x"));
    assert_eq!(read("<include>\n<extension>\n</include>").unwrap_err().0, 3);
}

#[test]
fn an_inline_socket_is_a_fault() {
    let inline = DIALPLAN.replace("data=\"127.0.0.1:8084\"", "data=\"127.0.0.1:8084\" inline=\"true\"");
    let steps = read(&inline).unwrap().steps;
    assert!(fault(&steps[0]).ends_with("remove inline"));
    let steps = read(&inline.replace("\"true\"", "\"false\"")).unwrap().steps;
    assert_eq!(call(&steps[0]).address, Value::default());
}

/// Returns a dialplan with this action in a condition.
fn with(field: &str, expression: &str, application: &str, data: &str) -> Dialplan {
    let text = format!(
        "<x><extension><condition field=\"{field}\" expression=\"{expression}\">\
         <action application=\"{application}\" data=\"{data}\"/></condition></extension></x>"
    );
    read(&text).unwrap()
}

/// Returns the variables whose value is an injection in this action, which is in a condition that always
/// matches.
fn injections(application: &str, data: &str) -> Vec<(String, InjectionKind)> {
    let injections = with("", "", application, data).injections.into_iter();
    injections.map(|found| (found.variable, found.kind)).collect()
}

#[test]
fn a_value_is_an_injection_where_freeswitch_interprets_its_text() {
    for (application, data) in [
        ("bridge", "user/${CRM}"),
        ("transfer", "${crm} XML routed"),
        ("execute_extension", "${crm}"),
        ("system", "touch ${crm}"),
        ("set", "api_on_answer=system touch ${crm}"),
        ("export", "nolocal:execute_on_answer=lua ${crm}"),
        ("log", "${system(touch ${crm})}"),
        ("multiset", "a=${crm} b=1"),
    ] {
        assert_eq!(
            injections(application, data),
            [("crm".to_owned(), InjectionKind::Command)],
            "{application} {data}"
        );
    }
    for (application, data) in [
        ("log", "${crm}"),
        ("set", "effective_caller_id_name=${crm}"),
        ("set", "x=${toupper(${crm})}"),
        ("bridge", "user/${url_encode(${crm})}"),
        ("bridge", "user/1"),
    ] {
        assert_eq!(injections(application, data), [], "{application} {data}");
    }
}

#[test]
fn a_condition_with_an_allow_list_makes_a_value_harmless() {
    let found = |expression: &str, data: &str| with("${crm}", expression, "bridge", data).injections.len();
    assert_eq!(found("^(.+)$", "user/$1"), 1);
    assert_eq!(found("^(.+)$", "user/${crm}"), 1);
    for data in ["user/$1", "user/${crm}"] {
        assert_eq!(found(r"^(\d+)$", data), 0);
    }
    assert_eq!(with("${other}", r"^(\d+)$", "bridge", "user/${crm}").injections.len(), 1);
    let anti = "<x><extension><condition field=\"${crm}\" expression=\"^a$\">\
                <anti-action application=\"bridge\" data=\"${crm}\"/></condition></extension></x>";
    assert_eq!(read(anti).unwrap().injections.len(), 1);
}

#[test]
fn values_that_a_caller_chooses_are_marked() {
    let callers = |field: &str, expression: &str, data: &str| {
        with(field, expression, "set", data).injections.iter().any(|found| found.caller_chosen)
    };
    assert!(callers("", "", "webhook_url=http://h/?n=${caller_id_number}"));
    assert!(callers("", "", "webhook_url=http://h/?n=${sip_h_X-Customer}"));
    assert!(callers("destination_number", "^(.*)$", "webhook_url=http://h/?n=$1"));
    assert!(!callers("", "", "webhook_url=http://h/?n=${url_encode(${caller_id_number})}"));
    assert!(!callers("destination_number", "^(.*)$", "webhook_url=http://h/?n=${url_encode($1)}"));
    assert!(!callers("destination_number", r"^(\d+)$", "webhook_url=http://h/?n=$1"));
    assert!(!callers("", "", "webhook_url=http://h/?n=${uuid}"));
}

#[test]
fn sockets_of_events_and_broadcasts_are_found() {
    let event = with("", "", "set", "execute_on_answer=socket 127.0.0.1:8084/crm async");
    assert_eq!(event.steps.len(), 1);
    assert!(event.notes[0].1.ends_with("leave async out"), "{:?}", event.notes);
    let fixed = with("", "", "set", "execute_on_answer=socket 127.0.0.1:8084/crm");
    assert_eq!((fixed.steps.len(), fixed.notes.len()), (1, 0));
    let bridged = with("", "", "bridge", "{execute_on_answer='socket 127.0.0.1:8084/crm async'}user/1");
    assert_eq!((bridged.steps.len(), bridged.notes.len()), (1, 1));
    let broadcast =
        with("", "", "set", r"api_on_answer=uuid_broadcast ${uuid} socket::h:8084/crm\ async both");
    assert_eq!(broadcast.notes.len(), 1);
}
