//! What stands where on which page, and what it means: a list of items with a tree of tags.
//!
//! Pages are laid out first and painted afterwards, since the foot of the first page names the
//! number of the last. Everything that is drawn belongs to a tag in reading order or is marked as
//! decoration, so that the file can be read aloud.

use krilla::Document;
use krilla::annotation::{Annotation, LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::num::NormalizedF32;
use krilla::page::{Page, PageSettings};
use krilla::paint::{Fill, FillRule, LineCap, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TagGroup, TagKind, TagTree,
};
use krilla_svg::{SurfaceExt, SvgSettings};

use crate::text::{Face, Fonts, Line};

/// A color on paper.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Color(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// Text.
pub(crate) const INK: Color = Color(0x1b, 0x1d, 0x21);
/// What stands back: labels, notes.
pub(crate) const GREY: Color = Color(0x5a, 0x60, 0x68);
/// Rules between rows.
pub(crate) const HAIR: Color = Color(0xd5, 0xd8, 0xdc);

/// A node of the tree of tags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Node(usize);

/// A leaf of the tree of tags; filled when it is painted.
#[derive(Clone, Copy, Debug)]
struct Leaf(usize);

enum Child {
    Node(usize),
    Leaf(usize),
}

/// Whether something belongs to the content or is decoration.
#[derive(Clone, Copy, Debug)]
enum Mark {
    Content(Leaf),
    Decoration(ArtifactType),
}

enum Ink {
    Text { x: f32, y: f32, line: Line, color: Color },
    Rule { x: f32, y: f32, to: f32, width: f32, color: Color },
    Stroke { points: Vec<(f32, f32)>, width: f32, color: Color },
    Dot { x: f32, y: f32, radius: f32, color: Color },
    Svg { x: f32, y: f32, width: f32, height: f32, tree: Box<usvg::Tree> },
}

/// Where a link leads.
pub(crate) enum To {
    /// An address.
    Address(String),
    /// A page of this file.
    Page(usize),
}

struct Link {
    rect: (f32, f32, f32, f32),
    to: To,
    says: String,
    leaf: Leaf,
}

#[derive(Default)]
struct OnePage {
    items: Vec<(Mark, Ink)>,
    links: Vec<Link>,
}

/// The pages under construction, with a cursor that moves down.
pub(crate) struct Sheet<'a> {
    pub(crate) fonts: &'a Fonts,
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Where the next thing begins, from the top of the page.
    pub(crate) y: f32,
    /// What the head of a page says that continues the one before.
    pub(crate) continued: String,
    pages: Vec<OnePage>,
    tags: Vec<(TagKind, Vec<Child>)>,
    n_leaves: usize,
}

/// White at both sides.
pub(crate) const SIDE: f32 = 50.0;
const TOP: f32 = 52.0;
/// White at the foot, in which the line of the pack stands.
const FOOT: f32 = 62.0;

impl<'a> Sheet<'a> {
    pub(crate) fn new(fonts: &'a Fonts, width: f32, height: f32) -> Self {
        Self {
            fonts,
            width,
            height,
            y: TOP,
            continued: String::new(),
            pages: Vec::new(),
            tags: Vec::new(),
            n_leaves: 0,
        }
    }

    /// Width between the margins.
    pub(crate) fn measure(&self) -> f32 {
        self.width - 2.0 * SIDE
    }

    /// The page that is being filled, from 0.
    pub(crate) fn page(&self) -> usize {
        self.pages.len().saturating_sub(1)
    }

    pub(crate) fn n_pages(&self) -> usize {
        self.pages.len()
    }

    /// Room that is left above the foot.
    pub(crate) fn left(&self) -> f32 {
        self.height - FOOT - self.y
    }

    /// The most that a page holds.
    pub(crate) fn most(&self) -> f32 {
        self.height - FOOT - TOP - 24.0
    }

    /// Begins a page.
    pub(crate) fn new_page(&mut self) {
        self.pages.push(OnePage::default());
        self.y = TOP;
    }

    /// Makes room for something that must not be cut; true where that began a new page.
    pub(crate) fn need(&mut self, height: f32) -> bool {
        if height <= self.left() || self.y <= TOP + 24.0 {
            return false;
        }
        self.new_page();
        if !self.continued.is_empty() {
            let text = format!("{} (continued)", self.continued);
            let most = self.measure();
            if let Some(line) = self.fonts.wrap(Face::Regular, 8.0, &text, most).into_iter().next()
            {
                self.decorate(SIDE, self.y + 2.0, line, GREY, ArtifactType::Header);
            }
            self.y += 20.0;
        }
        true
    }

    /// Adds a tag; below no other one where `parent` is `None`.
    pub(crate) fn tag(&mut self, parent: Option<Node>, kind: impl Into<TagKind>) -> Node {
        self.tags.push((kind.into(), Vec::new()));
        let at = self.tags.len() - 1;
        if let Some((_, children)) = parent.and_then(|node| self.tags.get_mut(node.0)) {
            children.push(Child::Node(at));
        } else {
            self.roots_push(at);
        }
        Node(at)
    }

    /// The first tag holds the others that have no parent.
    fn roots_push(&mut self, at: usize) {
        if at > 0
            && let Some((_, children)) = self.tags.first_mut()
        {
            children.push(Child::Node(at));
        }
    }

    fn leaf(&mut self, node: Node) -> Leaf {
        let leaf = self.n_leaves;
        self.n_leaves += 1;
        if let Some((_, children)) = self.tags.get_mut(node.0) {
            children.push(Child::Leaf(leaf));
        }
        Leaf(leaf)
    }

    fn push(&mut self, mark: Mark, ink: Ink) {
        if self.pages.is_empty() {
            self.new_page();
        }
        if let Some(page) = self.pages.last_mut() {
            page.items.push((mark, ink));
        }
    }

    /// Draws a line of text with its base at `y`.
    pub(crate) fn text(&mut self, node: Node, x: f32, y: f32, line: Line, color: Color) {
        let mark = Mark::Content(self.leaf(node));
        self.push(mark, Ink::Text { x, y, line, color });
    }

    /// Draws a line of text that is no content: heads and feet of pages, repeated headings.
    pub(crate) fn decorate(
        &mut self,
        x: f32,
        y: f32,
        line: Line,
        color: Color,
        kind: ArtifactType,
    ) {
        self.push(Mark::Decoration(kind), Ink::Text { x, y, line, color });
    }

    /// The same on another page.
    pub(crate) fn decorate_on(&mut self, page: usize, x: f32, y: f32, line: Line, color: Color) {
        let mark = Mark::Decoration(ArtifactType::Footer);
        if let Some(page) = self.pages.get_mut(page) {
            page.items.push((mark, Ink::Text { x, y, line, color }));
        }
    }

    /// Reserves a place in the tree for a text that is known only at the end.
    pub(crate) fn later(&mut self, node: Node) -> Later {
        Later { page: self.page(), leaf: self.leaf(node), link: self.leaf(node) }
    }

    /// Fills such a place with a line and a link to a page.
    pub(crate) fn fill(
        &mut self,
        later: &Later,
        at: (f32, f32),
        line: Line,
        color: Color,
        to: usize,
    ) {
        let rect = (at.0, at.1 - line.size, line.width, line.size * 1.3);
        let says = format!("page {}", to + 1);
        if let Some(page) = self.pages.get_mut(later.page) {
            page.items
                .push((Mark::Content(later.leaf), Ink::Text { x: at.0, y: at.1, line, color }));
            page.links.push(Link { rect, to: To::Page(to), says, leaf: later.link });
        }
    }

    /// Makes a rectangle of the page a link.
    pub(crate) fn link(&mut self, node: Node, rect: (f32, f32, f32, f32), to: To, says: &str) {
        let leaf = self.leaf(node);
        if let Some(page) = self.pages.last_mut() {
            page.links.push(Link { rect, to, says: says.to_owned(), leaf });
        }
    }

    /// Draws a rule from the left to the right.
    pub(crate) fn rule(&mut self, x: f32, y: f32, to: f32, width: f32, color: Color) {
        let mark = Mark::Decoration(ArtifactType::Layout);
        self.push(mark, Ink::Rule { x, y, to, width, color });
    }

    /// Draws a thin line through points, and a dot at the last one.
    pub(crate) fn stroke(&mut self, node: Node, points: Vec<(f32, f32)>, color: Color) {
        let last = points.last().copied();
        let mark = Mark::Content(self.leaf(node));
        self.push(mark, Ink::Stroke { points, width: 0.9, color });
        if let Some((x, y)) = last {
            let mark = Mark::Content(self.leaf(node));
            self.push(mark, Ink::Dot { x, y, radius: 1.5, color });
        }
    }

    /// Draws a chart.
    pub(crate) fn svg(&mut self, node: Node, at: (f32, f32, f32, f32), tree: usvg::Tree) {
        let mark = Mark::Content(self.leaf(node));
        let (x, y, width, height) = at;
        self.push(mark, Ink::Svg { x, y, width, height, tree: Box::new(tree) });
    }

    /// Paints all pages and returns the tree of tags.
    pub(crate) fn paint(self, document: &mut Document) -> TagTree {
        let mut filled: Vec<Option<Identifier>> = vec![None; self.n_leaves];
        for one in self.pages {
            let Some(settings) = PageSettings::from_wh(self.width, self.height) else { continue };
            let mut page = document.start_page_with(settings);
            let mut surface = page.surface();
            for (mark, ink) in &one.items {
                let span = ContentTag::Span(SpanTag::empty());
                let id = match mark {
                    Mark::Content(leaf) => {
                        let content =
                            if matches!(ink, Ink::Text { .. }) { span } else { ContentTag::Other };
                        Some((leaf, surface.start_tagged(content)))
                    }
                    Mark::Decoration(kind) => {
                        let artifact = Artifact::with_kind(*kind);
                        surface.start_tagged(ContentTag::Artifact(artifact));
                        None
                    }
                };
                draw(&mut surface, ink, self.fonts);
                surface.end_tagged();
                if let Some((leaf, id)) = id
                    && let Some(place) = filled.get_mut(leaf.0)
                {
                    *place = Some(id);
                }
            }
            surface.finish();
            for link in one.links {
                annotate(&mut page, link, &mut filled);
            }
            page.finish();
        }
        let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
        if let Some((_, children)) = self.tags.first() {
            for child in children {
                if let Child::Node(at) = child {
                    tree.push(group(*at, &self.tags, &filled));
                }
            }
        }
        tree
    }
}

/// A place for a text that is known only at the end.
pub(crate) struct Later {
    page: usize,
    leaf: Leaf,
    link: Leaf,
}

fn group(at: usize, tags: &[(TagKind, Vec<Child>)], filled: &[Option<Identifier>]) -> TagGroup {
    let Some((kind, children)) = tags.get(at) else {
        return TagGroup::new(krilla::tagging::Tag::NonStruct);
    };
    let mut made = TagGroup::new(kind.clone());
    for child in children {
        match child {
            Child::Node(node) => made.push(group(*node, tags, filled)),
            Child::Leaf(leaf) => {
                if let Some(id) = filled.get(*leaf).copied().flatten() {
                    made.push(id);
                }
            }
        }
    }
    made
}

fn annotate(page: &mut Page<'_>, link: Link, filled: &mut [Option<Identifier>]) {
    let (x, y, width, height) = link.rect;
    let Some(rect) = Rect::from_xywh(x, y, width.max(1.0), height.max(1.0)) else { return };
    let target = match link.to {
        To::Address(address) => Target::Action(krilla::action::LinkAction::new(address).into()),
        To::Page(page) => {
            let top = XyzDestination::new(page, Point::from_xy(0.0, 0.0));
            Target::Destination(top.into())
        }
    };
    let annotation = Annotation::new_link(LinkAnnotation::new(rect, target), Some(link.says));
    let id = page.add_tagged_annotation(annotation);
    if let Some(place) = filled.get_mut(link.leaf.0) {
        *place = Some(id);
    }
}

fn fill(color: Color) -> Fill {
    let paint = rgb::Color::new(color.0, color.1, color.2).into();
    Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

fn pen(color: Color, width: f32) -> Stroke {
    let paint = rgb::Color::new(color.0, color.1, color.2).into();
    Stroke { paint, width, line_cap: LineCap::Butt, ..Stroke::default() }
}

fn draw(surface: &mut Surface<'_>, ink: &Ink, fonts: &Fonts) {
    match ink {
        Ink::Text { x, y, line, color } => {
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*color)));
            let mut x = *x;
            for run in &line.runs {
                let font = fonts.font(run.face);
                surface.draw_glyphs(
                    Point::from_xy(x, *y),
                    &run.glyphs,
                    font,
                    &run.text,
                    line.size,
                    false,
                );
                x += run.width * line.size;
            }
        }
        Ink::Rule { x, y, to, width, color } => {
            path(surface, &[(*x, *y), (*to, *y)], *width, *color);
        }
        Ink::Stroke { points, width, color } => path(surface, points, *width, *color),
        Ink::Dot { x, y, radius, color } => {
            let mut builder = PathBuilder::new();
            // A quarter of a circle is close to a curve with its handles at 0.5523 of the radius.
            let (r, h) = (*radius, radius * 0.552_3);
            builder.move_to(x + r, *y);
            builder.cubic_to(x + r, y + h, x + h, y + r, *x, y + r);
            builder.cubic_to(x - h, y + r, x - r, y + h, x - r, *y);
            builder.cubic_to(x - r, y - h, x - h, y - r, *x, y - r);
            builder.cubic_to(x + h, y - r, x + r, y - h, x + r, *y);
            builder.close();
            if let Some(circle) = builder.finish() {
                surface.set_stroke(None);
                surface.set_fill(Some(fill(*color)));
                surface.draw_path(&circle);
            }
        }
        Ink::Svg { x, y, width, height, tree } => {
            if let Some(size) = Size::from_wh(*width, *height) {
                surface.push_transform(&Transform::from_translate(*x, *y));
                // Nothing is drawn where the chart has no size; its text alternative stays.
                let _drawn: Option<()> = surface.draw_svg(tree, size, SvgSettings::default());
                surface.pop();
            }
        }
    }
}

fn path(surface: &mut Surface<'_>, points: &[(f32, f32)], width: f32, color: Color) {
    let mut builder = PathBuilder::new();
    for (at, &(x, y)) in points.iter().enumerate() {
        if at == 0 {
            builder.move_to(x, y);
        } else {
            builder.line_to(x, y);
        }
    }
    if let Some(line) = builder.finish() {
        surface.set_fill(None);
        surface.set_stroke(Some(pen(color, width)));
        surface.draw_path(&line);
    }
}
