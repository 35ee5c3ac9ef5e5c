//! The documentation that the daemon carries, of the same version as itself: `/docs/NAME` is `docs/NAME.md`.
//!
//! Knows the pages; does not know Markdown. The pages for developers are left out.

mod render;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;

use super::ObserverState;
use super::pages::{Document, Message, document, message};

/// One page of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// The name in the address.
    pub(super) name: &'static str,
    /// The file, as links of other pages name it, below `docs`.
    file: &'static str,
    markdown: &'static str,
}

/// The pages, in the order in which an administrator needs them.
pub(super) const PAGES: [Page; 13] = [
    page("reading-the-log", "reading-the-log.md", include_str!("../../docs/reading-the-log.md")),
    page("configuration", "configuration.md", include_str!("../../docs/configuration.md")),
    page("dialplan", "dialplan.md", include_str!("../../docs/dialplan.md")),
    page("webhook", "webhook.md", include_str!("../../docs/webhook.md")),
    page("answer", "answer.md", include_str!("../../docs/answer.md")),
    page("reliability", "reliability.md", include_str!("../../docs/reliability.md")),
    page("recipes", "recipes.md", include_str!("../../docs/recipes.md")),
    page("service", "service.md", include_str!("../../docs/service.md")),
    page("monitoring", "monitoring/README.md", include_str!("../../docs/monitoring/README.md")),
    page("scaling", "scaling.md", include_str!("../../docs/scaling.md")),
    page("socket-modes", "socket-modes.md", include_str!("../../docs/socket-modes.md")),
    page("field-cases", "field-cases.md", include_str!("../../docs/field-cases.md")),
    page("protocols", "protocols.md", include_str!("../../docs/protocols.md")),
];

const fn page(name: &'static str, file: &'static str, markdown: &'static str) -> Page {
    Page { name, file, markdown }
}

impl Page {
    /// Returns the page with this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        PAGES.iter().find(|page| page.name == name)
    }

    /// Returns the first heading.
    pub(super) fn title(&self) -> &'static str {
        self.markdown.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(self.name)
    }

    /// Returns the page as HTML, without the frame of a document.
    pub(super) fn html(&self) -> String {
        render::html(self.markdown, |link| self.target(link))
    }

    /// Returns the address of a link in this page; `None` if the daemon does not carry its target.
    fn target(&self, link: &str) -> Option<String> {
        if link.starts_with('#') || link.starts_with("https://") || link.starts_with("http://") {
            return Some(link.to_owned());
        }
        let (path, fragment) = match link.split_once('#') {
            Some((path, fragment)) => (path, format!("#{fragment}")),
            None => (link, String::new()),
        };
        let mut folders: Vec<_> = self.file.split('/').collect();
        folders.pop();
        for part in path.split('/') {
            match part {
                ".." => drop(folders.pop()?),
                part => folders.push(part),
            }
        }
        let file = folders.join("/");
        let page = PAGES.iter().find(|page| page.file == file)?;
        Some(format!("/docs/{}{fragment}", page.name))
    }
}

/// The paths of the documentation.
pub(super) fn router() -> Router<Arc<ObserverState>> {
    Router::new().route("/docs", get(contents)).route("/docs/{name}", get(show))
}

async fn contents(State(state): State<Arc<ObserverState>>) -> Html<String> {
    let list: String =
        PAGES.iter().map(|page| format!("- [{}](/docs/{})\n", page.title(), page.name)).collect();
    let html = render::html(&format!("# Documentation\n\n{list}"), |link| Some(link.to_owned()));
    framed(&state, "Documentation", "/docs", &html)
}

async fn show(State(state): State<Arc<ObserverState>>, Path(name): Path<String>) -> Response {
    let Some(page) = Page::named(&name) else {
        let page = message(Message::NoSuchDocument, state.allows_try());
        return (StatusCode::NOT_FOUND, Html(page)).into_response();
    };
    framed(&state, page.title(), &format!("/docs/{name}"), &page.html()).into_response()
}

/// Returns a page of the observer with this content, which is HTML already.
fn framed(state: &ObserverState, title: &str, path: &str, html: &str) -> Html<String> {
    let address = |page: &Page| (format!("/docs/{}", page.name), page.title().to_owned());
    let pages: Vec<_> = PAGES.iter().map(address).collect();
    Html(document(Document { try_allowed: state.allows_try(), title, html, pages: &pages, path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_title_and_becomes_html() {
        for page in &PAGES {
            assert_ne!(page.title(), page.name);
            let html = page.html();
            assert!(html.starts_with("<h1 id=\"") && html.contains("<p>"), "{}", page.name);
        }
        assert_eq!(Page::named("design"), None);
    }

    #[test]
    fn every_link_between_pages_leads_to_an_anchor() {
        for page in &PAGES {
            for link in page.html().split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                let Some((path, anchor)) = link.split_once('#').filter(|_| !link.starts_with("http")) else {
                    continue;
                };
                let target = match path.strip_prefix("/docs/") {
                    Some(name) => Page::named(name).unwrap(),
                    None => page,
                };
                assert!(target.html().contains(&format!("id=\"{anchor}\"")), "{}: {link}", page.name);
            }
        }
    }

    #[test]
    fn links_lead_to_pages_of_the_daemon_or_are_none() {
        let configuration = Page::named("configuration").unwrap();
        let monitoring = Page::named("monitoring").unwrap();
        for (page, link, target) in [
            (configuration, "#open-files", Some("#open-files")),
            (configuration, "webhook.md", Some("/docs/webhook")),
            (configuration, "reading-the-log.md#x", Some("/docs/reading-the-log#x")),
            (configuration, "monitoring/README.md", Some("/docs/monitoring")),
            (configuration, "https://toml.io", Some("https://toml.io")),
            (configuration, "design.md", None),
            (configuration, "../README.md", None),
            (configuration, "webhook-server.py", None),
            (configuration, "javascript:alert(1)", None),
            (monitoring, "../configuration.md#a", Some("/docs/configuration#a")),
            (monitoring, "configuration.md", None),
            (monitoring, "alerts.yml", None),
        ] {
            assert_eq!(page.target(link).as_deref(), target, "{} {link}", page.name);
        }
    }
}
