//! An XML dialplan of FreeSWITCH: the application `socket`, and the `webhook_*` variables set before it.

use roxmltree::{Document, Node};

use super::{WrittenStep, address, parameter};
use crate::call::{Call, Parameter, SwitchKind};
use crate::switch::esl;
use crate::variable::Value;

/// Every `<action application="socket" …/>`. An address with several hosts makes a step for each path in it.
pub(super) fn steps(text: &str) -> Result<Vec<WrittenStep>, (usize, String)> {
    let document = Document::parse(text).map_err(|fault| {
        let line = usize::try_from(fault.pos().row).unwrap_or(1);
        (line, format!("not well-formed XML: {fault}"))
    })?;
    let actions = document.descendants().filter(|node| is_action(*node, "socket"));
    Ok(actions.flat_map(|socket| of_socket(&document, socket)).collect())
}

fn is_action(node: Node<'_, '_>, application: &str) -> bool {
    matches!(node.tag_name().name(), "action" | "anti-action")
        && node.attribute("application") == Some(application)
}

fn of_socket(document: &Document<'_>, socket: Node<'_, '_>) -> Vec<WrittenStep> {
    let data = socket.attribute("data").unwrap_or_default();
    let line = usize::try_from(document.text_pos_at(socket.range().start).row).unwrap_or(1);
    let set = set_before(socket);
    let step = |(host, port, path): (String, u16, String)| {
        let (hook, address) = address(&path);
        let call = match deadly(data, &set) {
            Some(fault) => Some(Err(fault)),
            None => (!hook.contains('$'))
                .then(|| Ok(Call::unknown(SwitchKind::FreeSwitch, Value::from(address), parameters(&set)))),
        };
        WrittenStep {
            switch: SwitchKind::FreeSwitch,
            line,
            host,
            port: Some(port),
            call,
            step: format!("socket {data}"),
        }
    };
    esl::places(data).into_iter().map(step).collect()
}

/// What the same condition sets before a socket, the last value of each name.
fn set_before<'a>(socket: Node<'a, '_>) -> Vec<(&'a str, &'a str)> {
    let before = socket.prev_siblings().filter(|node| is_action(*node, "set"));
    before.filter_map(|node| node.attribute("data")?.split_once('=')).collect()
}

/// `resume` in a static socket leaves the call in `CS_RESET` for ever (`mod_event_socket.c`, `listener_run`).
fn deadly(data: &str, set: &[(&str, &str)]) -> Option<&'static str> {
    let mut words = data.split_whitespace().skip(1);
    let resumes =
        set.iter().find(|(name, _)| *name == "socket_resume").is_some_and(|(_, value)| *value == "true");
    (resumes && !words.any(|word| word.eq_ignore_ascii_case("async")))
        .then_some("socket_resume is for async sockets only. a static one would leave the call stuck")
}

/// The parameters of an ad hoc step.
fn parameters(set: &[(&str, &str)]) -> Vec<Parameter> {
    let named = |name: &str| {
        let (_, value) = set.iter().find(|(set, _)| set.strip_prefix("webhook_") == Some(name))?;
        Some(parameter(&format!("{name}={value}")))
    };
    ["method", "url", "variable", "timeout"].into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let steps = steps(DIALPLAN).unwrap();
        let call = |at: usize| steps[at].call.as_ref().unwrap().as_ref().unwrap();
        assert_eq!(steps.iter().map(|step| step.line).collect::<Vec<_>>(), [5, 7, 7]);
        assert_eq!(call(0).address, Value::default());
        assert_eq!(call(0).parameters, [parameter("url=http://h/?a=x")]);
        assert_eq!(call(1).address, Value::from("crm?timeout=3&variable=x"));
        assert_eq!(call(2).address, Value::from("other"));
    }

    #[test]
    fn what_is_deadly_or_no_xml_is_told() {
        let resumed = DIALPLAN.replace("webhook_url=http://old/", "socket_resume=true");
        let steps = steps(&resumed).unwrap();
        assert!(steps[0].call.as_ref().unwrap().is_err());
        assert!(steps[1].call.as_ref().unwrap().is_ok());
        assert_eq!(super::steps("<include>\n<extension>\n</include>").unwrap_err().0, 3);
    }
}
