//! Owner: the tests. Elements, attributes and expansions in a dialplan of FreeSWITCH.

use roxmltree::Node;

/// The name in a `${…}`.
pub(super) enum Used<'a> {
    Variable(&'a str),
    Function(&'a str),
}

pub(super) fn elements<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |node| node.has_tag_name(name))
}

pub(super) fn is_action(node: Node<'_, '_>) -> bool {
    node.has_tag_name("action") || node.has_tag_name("anti-action")
}

pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

/// The names in every `${…}`, nested ones too.
pub(super) fn expansions(text: &str) -> impl Iterator<Item = Used<'_>> {
    let behind = text.match_indices("${").map(|(at, opening)| &text[at + opening.len()..]);
    behind.map(|inside| {
        let (name, rest) = inside.split_at(inside.find(['}', '(']).unwrap_or(inside.len()));
        if rest.starts_with('(') { Used::Function(name) } else { Used::Variable(name) }
    })
}
