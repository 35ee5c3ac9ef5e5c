//! Owner: dialplan-examples. The names that an example writes into FreeSWITCH's log.

use std::collections::BTreeSet;

use roxmltree::Document;

use super::{Used, attribute, elements, examples, expansions};

/// FreeSWITCH sets no `effective_caller_id_name`: where the example has not set it, the log would show
/// nothing.
#[test]
fn an_example_logs_a_callers_name_only_after_it_has_set_it() {
    for (name, text) in examples() {
        let document = Document::parse(&text).unwrap();
        for extension in elements(document.root(), "extension") {
            let mut set = BTreeSet::new();
            for action in elements(extension, "action") {
                let data = attribute(action, "data");
                match attribute(action, "application") {
                    "set" => drop(set.insert(data.split('=').next().unwrap())),
                    "log" => {
                        for used in expansions(data) {
                            let Used::Variable(variable) = used else { continue };
                            let shown = !variable.starts_with("effective_") || set.contains(variable);
                            assert!(shown, "{name}: {data}");
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
