//! Owner: the tests. Markdown to roff for our pages: headings, paragraphs, tables, lists and examples.
//!
//! It panics on all other Markdown, so that no part of a page is lost unnoticed.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The folder of README.md and docs/ in the package.
const DOCUMENTATION: &str = "/usr/share/doc/dialhook";

/// A manual page that is being written.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new(name: &str, section: &str) -> Self {
        // no date: it would be another one at each release, and the version stands beside it
        let version = concat!("dialhook ", env!("CARGO_PKG_VERSION"));
        let mut page = Self(".\\\" Generated: DIALHOOK_RENEW=1 cargo test packaging::generated\n".to_owned());
        let mut title = Roff::new();
        title.control("TH", [name, section, "\"\"", version, "dialhook"]);
        page.add(&title.render());
        page.add(".nh\n.ad l\n");
        page
    }

    pub(super) fn section(&mut self, title: &str) {
        self.0.push_str(&Roff::new().control("SH", [title]).to_roff());
    }

    pub(super) fn subsection(&mut self, title: &str) {
        self.0.push_str(&Roff::new().control("SS", [title]).to_roff());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(&Roff::new().text([roman(text)]).to_roff());
    }

    pub(super) fn control(&mut self, request: &str) {
        self.0.push_str(&Roff::new().control(request, []).to_roff());
    }

    pub(super) fn see_also(&mut self, pages: &[&str]) {
        self.section("SEE ALSO");
        self.text(&format!("{}; the guides in {DOCUMENTATION}", pages.join(", ")));
    }

    /// Adds raw roff.
    pub(super) fn add(&mut self, roff: &str) {
        self.0.push_str(roff);
    }

    pub(super) fn end(self) -> String {
        self.0
    }
}

/// The roff of a page in Markdown.
pub(super) fn from_markdown(text: &str) -> String {
    let mut writer = Writer::default();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        writer.take(event);
    }
    // with apostrophes that stay what they are in an example; their definition stands at the page's head
    writer.roff.render().replace(&Roff::new().render(), "")
}

#[derive(Default)]
struct Writer {
    roff: Roff,
    /// The text of the current line, cell or heading.
    line: Vec<Inline>,
    style: Style,
    /// The target of the link that is being read.
    link: Option<String>,
    /// The headings of the current table, and the cells of its current row.
    head: Vec<String>,
    cells: Vec<Vec<Inline>>,
    in_head: bool,
    in_item: bool,
    in_code: bool,
}

#[derive(Default, Clone, Copy)]
enum Style {
    #[default]
    Roman,
    Bold,
    Italic,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.finish(tag),
            Event::Text(text) if self.in_code => self.example(&text),
            Event::Text(text) => self.write(&text),
            Event::Code(text) => self.line.push(bold(text.into_string())),
            Event::SoftBreak => self.line.push(roman(" ")),
            other => panic!("the manual pages have no {other:?} yet: add it to tests/packaging/roff.rs"),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph if self.in_item => {}
            Tag::Paragraph => _ = self.roff.control("PP", []),
            Tag::Heading { .. } | Tag::List(None) | Tag::TableRow | Tag::TableCell => {}
            Tag::Item => {
                self.in_item = true;
                self.roff.control("IP", ["\\(bu", "2"]);
            }
            Tag::CodeBlock(_) => {
                self.in_code = true;
                self.roff.control("PP", []).control("RS", ["4"]).control("nf", []);
            }
            Tag::Table(_) => self.head.clear(),
            Tag::TableHead => self.in_head = true,
            Tag::Strong => self.style = Style::Bold,
            Tag::Emphasis => self.style = Style::Italic,
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.into_string()),
            other => panic!("the manual pages have no {other:?} yet: add it to tests/packaging/roff.rs"),
        }
    }

    fn finish(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.end_line(),
            TagEnd::Item => {
                self.end_line();
                self.in_item = false;
            }
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::CodeBlock => {
                self.in_code = false;
                self.roff.control("fi", []).control("RE", []);
            }
            TagEnd::TableCell if self.in_head => {
                let title = std::mem::take(&mut self.line);
                self.head.push(plain(&title));
            }
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.line)),
            TagEnd::TableHead => self.in_head = false,
            TagEnd::TableRow => self.row(),
            TagEnd::Strong | TagEnd::Emphasis => self.style = Style::Roman,
            TagEnd::Link => self.end_link(),
            TagEnd::List(_) | TagEnd::Table => {}
            other => panic!("the manual pages have no {other:?} yet: add it to tests/packaging/roff.rs"),
        }
    }

    fn write(&mut self, text: &str) {
        self.line.push(match self.style {
            Style::Roman => roman(text),
            Style::Bold => bold(text),
            Style::Italic => italic(text),
        });
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.roff.text(line);
        }
    }

    fn heading(&mut self, level: HeadingLevel) {
        let title = plain(&std::mem::take(&mut self.line));
        match level {
            HeadingLevel::H2 => self.roff.control("SH", [title.to_uppercase().as_str()]),
            HeadingLevel::H3 => self.roff.control("SS", [title.as_str()]),
            other => panic!("a manual page has no heading {other:?}"),
        };
    }

    fn example(&mut self, text: &str) {
        for line in text.lines() {
            self.roff.text([roman(line)]);
        }
    }

    /// A row as an entry: its first cell is the tag; the default comes last.
    fn row(&mut self) {
        let mut cells = std::mem::take(&mut self.cells).into_iter();
        let tag = cells.next().expect("a table has cells");
        let titled = self.head.iter().skip(1).zip(cells).filter(|(_, cell)| !cell.is_empty());
        let (defaults, others): (Vec<_>, Vec<_>) = titled.partition(|(title, _)| *title == "Default");
        let mut body = Vec::new();
        for (title, cell) in others {
            body.extend((!body.is_empty()).then(|| roman(format!(". {title}: "))));
            body.extend(cell);
        }
        for (_, cell) in defaults {
            body.push(roman(". Default: "));
            body.extend(cell);
        }
        self.roff.control("TP", []).text(tag).text(body);
    }

    /// Says where a link leads to: a page of ours is where the package puts it.
    fn end_link(&mut self) {
        let link = self.link.take().expect("a link that began");
        let place = match link.split('#').next().unwrap_or_default() {
            "" => return,
            url if url.contains("://") => url.to_owned(),
            page if page.contains('/') => format!("{DOCUMENTATION}/{page}"),
            page => format!("{DOCUMENTATION}/docs/{page}"),
        };
        self.line.push(roman(format!(" ({place})")));
    }
}

fn plain(inlines: &[Inline]) -> String {
    let text = |inline: &Inline| match inline {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.clone(),
        Inline::LineBreak => " ".to_owned(),
    };
    inlines.iter().map(text).collect()
}
