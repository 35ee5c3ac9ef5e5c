//! Markdown to HTML, with an anchor for each heading and each row of a table.
//!
//! Raw HTML in the Markdown is shown as text.

use std::collections::HashSet;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// Returns the page as HTML. `target` gives the address of a link, or `None` if only its text is to be shown.
pub(super) fn html(markdown: &str, target: impl Fn(&str) -> Option<String>) -> String {
    let events: Vec<_> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let events = anchored(linked(events, target));
    let mut text = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut text, events.into_iter().map(reachable));
    text
}

/// Lets the keyboard reach a block of code, which may be wider than the page and is then scrolled.
fn reachable(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Start(Tag::CodeBlock(_)) => Event::Html("<pre tabindex=\"0\"><code>".into()),
        Event::End(TagEnd::CodeBlock) => Event::Html("</code></pre>\n".into()),
        event => event,
    }
}

/// Replaces the targets of links, and makes texts of images and of raw HTML.
fn linked(events: Vec<Event<'_>>, target: impl Fn(&str) -> Option<String>) -> Vec<Event<'_>> {
    let (mut linked, mut open) = (Vec::with_capacity(events.len()), Vec::new());
    for event in events {
        match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let address = target(&dest_url);
                open.push(address.is_some());
                linked.extend(address.map(|address| {
                    Event::Start(Tag::Link { link_type, dest_url: address.into(), title, id })
                }));
            }
            Event::End(TagEnd::Link) => linked.extend(open.pop().filter(|shown| *shown).map(|_| event)),
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Html(text) | Event::InlineHtml(text) => linked.push(Event::Text(text)),
            event => linked.push(event),
        }
    }
    linked
}

/// Gives each heading the id that GitHub gives it, and the first cell of each row an anchor in front of its
/// text.
fn anchored(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let (mut anchored, mut ids) = (Vec::with_capacity(events.len()), HashSet::new());
    let mut begins_row = false;
    for (at, event) in events.iter().enumerate() {
        let rest = events.get(at + 1..).unwrap_or_default();
        match event {
            Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                let id = Some(CowStr::from(unique(&slug(rest), &mut ids)));
                let (classes, attrs) = (classes.clone(), attrs.clone());
                anchored.push(Event::Start(Tag::Heading { level: *level, id, classes, attrs }));
                continue;
            }
            Event::Start(Tag::TableRow) => begins_row = true,
            Event::Start(Tag::TableCell) if begins_row => {
                begins_row = false;
                anchored.push(event.clone());
                // an id has letters, digits, `-` and `_` only
                let id = unique(&slug(rest), &mut ids);
                anchored.push(Event::InlineHtml(format!("<a id=\"{id}\"></a>").into()));
                continue;
            }
            _ => {}
        }
        anchored.push(event.clone());
    }
    anchored
}

/// Returns the id that GitHub makes of the text up to the end of this heading or cell: small letters, digits,
/// `-` and `_`, and a hyphen for each space.
fn slug(events: &[Event<'_>]) -> String {
    let mut slug = String::new();
    for event in events {
        match event {
            Event::Text(text) | Event::Code(text) => {
                let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                slug.extend(kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }));
            }
            Event::SoftBreak => slug.push('-'),
            Event::End(TagEnd::Heading(_) | TagEnd::TableCell) => break,
            _ => {}
        }
    }
    slug
}

/// Returns the id, with a number if it is taken.
fn unique(id: &str, ids: &mut HashSet<String>) -> String {
    let numbered = (1..).map(|number| format!("{id}-{number}"));
    let mut candidates = std::iter::once(id.to_owned()).chain(numbered);
    candidates.find(|candidate| ids.insert(candidate.clone())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(markdown: &str) -> String {
        html(markdown, |link| (link != "gone").then(|| format!("to-{link}")))
    }

    #[test]
    fn headings_have_the_ids_of_github() {
        assert_eq!(
            rendered("## The `accept` of a hook, *again*\n"),
            "<h2 id=\"the-accept-of-a-hook-again\">The <code>accept</code> of a hook, <em>again</em></h2>\n"
        );
        let twice = rendered("# A\n# A\n# A\n");
        for id in ["\"a\"", "\"a-1\"", "\"a-2\""] {
            assert!(twice.contains(id), "{twice}");
        }
    }

    #[test]
    fn each_row_of_a_table_has_an_anchor() {
        let table = rendered("| Status | |\n|---|---|\n| `BAD_ANSWER` | x |\n| `TIMEOUT` | y |\n");
        assert!(
            table.contains("<td><a id=\"bad_answer\"></a><code>BAD_ANSWER</code></td><td>x</td>"),
            "{table}"
        );
        assert!(table.contains("<a id=\"timeout\"></a>"), "{table}");
        assert_eq!(table.matches("<a id").count(), 2, "{table}");
    }

    #[test]
    fn a_link_without_a_target_is_only_its_text() {
        assert_eq!(
            rendered("[a](b) [`c`](gone) ![d](e)\n"),
            "<p><a href=\"to-b\">a</a> <code>c</code> d</p>\n"
        );
    }

    #[test]
    fn raw_html_is_shown_as_text() {
        let shown = rendered("a <b onclick=x>c</b>\n\n<script>alert(1)</script>\n");
        assert!(!shown.contains("<script") && !shown.contains("<b"), "{shown}");
        assert!(shown.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{shown}");
        let id = rendered("# <img src=\"x\">\"'><b>\n");
        assert!(!id.contains("<img") && !id.contains("<b>"), "{id}");
    }
}
