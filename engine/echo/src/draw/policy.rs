//! A policy as a picture: a card for each situation, with its options as bars, behind the card that leads to it.

use std::fmt::Write;

use crate::draw::frame::{GREY, INK, LETTER, RULE, cut, open, quoted, text};
use crate::plan::{Method, Plan, Rule};

/// Situations drawn; the rest are counted.
const CARDS_MAX: usize = 60;
/// Options of a card that are drawn.
const OPTIONS_MAX: usize = 6;
const CARD: f64 = 300.0;
const GAP: f64 = 70.0;
const TOP: f64 = 70.0;
const OPTION: f64 = 18.0;
/// Letters of a name on a card.
const NAME: usize = 26;

/// A situation and its place among the others.
struct Card<'a> {
    rule: &'a Rule,
    column: usize,
    y: f64,
    height: f64,
    /// The situation that leads to it.
    from: Option<usize>,
}

/// Columns by how many choices were made before, cards of a column from top to bottom.
fn cards(plan: &Plan) -> Vec<Card<'_>> {
    let mut cards: Vec<Card<'_>> = Vec::new();
    let mut ends: Vec<f64> = Vec::new();
    for rule in plan.rules.iter().take(CARDS_MAX) {
        let column = rule.after.len();
        let from = cards.iter().rposition(|card| leads_to(card.rule, rule));
        ends.resize(ends.len().max(column + 1), TOP);
        let shown = rule.options.len().min(OPTIONS_MAX) as f64;
        let height = 46.0 + OPTION * shown + 14.0 * given(rule).len() as f64;
        cards.push(Card { rule, column, y: ends[column], height, from });
        ends[column] += height + 18.0;
    }
    cards
}

/// Whether taking the advice of `one` leads to the situation of `other`: it is the last choice made there.
fn leads_to(one: &Rule, other: &Rule) -> bool {
    let Some(((decision, option), before)) = other.after.split_last() else { return false };
    (decision, option) == (&one.decision, &one.choose)
        && before == one.after
        && one.known.iter().all(|known| !other.known.iter().any(|now| now.0 == known.0 && now.1 != known.1))
}

/// What is known in a situation, in words.
fn given(rule: &Rule) -> Vec<String> {
    let known =
        rule.known.iter().map(|(event, happened)| if *happened { event.clone() } else { format!("no {event}") });
    known.map(|known| format!("if {known}")).collect()
}

fn method(plan: &Plan) -> String {
    match plan.method {
        Method::Exact => format!("expected utility {:.2}, exact", plan.utility),
        Method::TreeSearch => format!(
            "expected utility {:.2} [{:.2}, {:.2}], by tree search",
            plan.utility, plan.utility_95.low, plan.utility_95.high
        ),
    }
}

/// The picture of a policy: what to do in each situation, each option's expected utility as a bar.
pub fn policy_svg(plan: &Plan, title: &str) -> String {
    let cards = cards(plan);
    let columns = cards.iter().map(|card| card.column + 1).max().unwrap_or(1);
    let width = (40.0 + columns as f64 * (CARD + GAP) - GAP).max(560.0);
    let height = cards.iter().map(|card| card.y + card.height).fold(TOP, f64::max) + 40.0;
    let mut out = open(width, height, title);
    out.push_str(&text(20.0, 44.0, 12, GREY, &method(plan)));
    let x = |column: usize| 20.0 + column as f64 * (CARD + GAP);
    let utilities = || cards.iter().flat_map(|card| card.rule.options.iter().map(|option| option.utility));
    let (low, high) = (utilities().fold(0.0, f64::min), utilities().fold(0.0, f64::max));
    for card in &cards {
        if let Some(from) = card.from.map(|from| &cards[from]) {
            let (x1, y1) = (x(from.column) + CARD, from.y + from.height / 2.0);
            let (x2, y2) = (x(card.column), card.y + card.height / 2.0);
            let _ = writeln!(
                out,
                "<path d=\"M{x1:.1},{y1:.1} C{:.1},{y1:.1} {:.1},{y2:.1} {x2:.1},{y2:.1}\" fill=\"none\" stroke=\"#9ca3af\" \
                 stroke-width=\"1.5\"/>",
                x1 + GAP / 2.0,
                x2 - GAP / 2.0
            );
        }
        draw_card(&mut out, card, x(card.column), (low, high));
    }
    if plan.rules.len() > cards.len() {
        let more = format!("… and {} situations more", plan.rules.len() - cards.len());
        out.push_str(&text(20.0, height - 14.0, 11, GREY, &more));
    }
    out.push_str("</svg>\n");
    out
}

fn draw_card(out: &mut String, card: &Card<'_>, x: f64, (low, high): (f64, f64)) {
    let Card { rule, y, height, .. } = *card;
    let _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{CARD}\" height=\"{height:.1}\" rx=\"6\" fill=\"#f9fafb\" stroke=\"{RULE}\"/>"
    );
    let share = format!("{:.0} %", rule.probability * 100.0);
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"13\" font-weight=\"bold\" fill=\"{INK}\">{}</text>",
        x + 12.0,
        y + 20.0,
        crate::draw::frame::escaped(&cut(&rule.decision, NAME + 6))
    );
    out.push_str(&text(x + CARD - 14.0 - share.chars().count() as f64 * LETTER, y + 20.0, 11, GREY, &share));
    let mut line = y + 36.0;
    for known in given(rule) {
        out.push_str(&text(x + 12.0, line, 11, GREY, &cut(&known, 44)));
        line += 14.0;
    }
    let scale = 80.0 / (high - low).max(f64::MIN_POSITIVE);
    let zero = x + CARD - 136.0 - low * scale;
    for option in rule.options.iter().take(OPTIONS_MAX) {
        let taken = option.option == rule.choose;
        let (fill, ink) = if taken { ("#047857", INK) } else { ("#d1d5db", GREY) };
        let mark = if taken { "▸ " } else { "   " };
        out.push_str(&text(x + 12.0, line + 10.0, 12, ink, &format!("{mark}{}", cut(&option.option, NAME - 4))));
        let end = zero + option.utility * scale;
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" fill=\"{fill}\"/>",
            zero.min(end),
            line + 1.0,
            (end - zero).abs().max(1.0)
        );
        let number = format!("{:.1}", option.utility);
        let room = number.chars().count() as f64 * 6.0;
        out.push_str(&text(x + CARD - 8.0 - room, line + 10.0, 10, ink, &number));
        line += OPTION;
    }
}

/// The same as a graph in the DOT language: a box for each situation, an edge to those that its choice leads to.
pub fn policy_dot(plan: &Plan, title: &str) -> String {
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [fontname=\"Helvetica\", fontsize=11, shape=box, style=\"rounded,filled\", \
         fillcolor=\"#f9fafb\"];\n  edge [fontname=\"Helvetica\", fontsize=9];\n",
        quoted(title)
    );
    for (at, card) in cards(plan).iter().enumerate() {
        let mut label = format!("{}\n→ {}", card.rule.decision, card.rule.choose);
        for option in card.rule.options.iter().take(OPTIONS_MAX) {
            let _ = write!(label, "\n{}: {:.2}", option.option, option.utility);
        }
        let _ = writeln!(out, "  s{at} [label={}];", quoted(&label));
        let known = format!("{} ({:.0} %)", given(card.rule).join(", "), card.rule.probability * 100.0);
        match card.from {
            Some(from) => _ = writeln!(out, "  s{from} -> s{at} [label={}];", quoted(&known)),
            None => _ = writeln!(out, "  start{at} [shape=point]; start{at} -> s{at} [label={}];", quoted(&known)),
        }
    }
    out.push_str("}\n");
    out
}
