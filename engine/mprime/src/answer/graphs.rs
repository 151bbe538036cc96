//! Graphs, grids and complexes from text, and questions to them: what hangs together, shortest ways, holes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::symbolic::{MathError, parse};
use crate::topology::{self, Complex, Direction, Edge, Grid, Neighbours, WeightedGraph};

/// The longest text that is read: 64 MiB.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// The most vertices of a component that are named in a line.
const SHOWN: usize = 20;

/// How the text of a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphFormat {
    /// An edge a line: two names, and a weight where it is not 1. `#` begins a comment.
    Edges,
    /// A document of TOML.
    Toml,
    /// The same document as JSON.
    Json,
}

/// The name of a vertex, which may be a number.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(i64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum EdgeText {
    Plain(Name, Name),
    Weighted(Name, Name, f64),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    directed: bool,
    #[serde(default)]
    vertices: Vec<Name>,
    #[serde(default)]
    edges: Vec<EdgeText>,
    #[serde(default)]
    simplices: Vec<Vec<Name>>,
    grid: Option<Vec<usize>>,
    #[serde(default)]
    walls: Vec<Vec<usize>>,
    #[serde(default)]
    corners: bool,
}

impl Name {
    fn text(&self) -> String {
        match self {
            Name::Text(text) => text.clone(),
            Name::Number(number) => number.to_string(),
        }
    }
}

/// A graph whose vertices have names, and the complex that its text may describe beside it.
#[derive(Debug, Clone)]
pub struct NamedGraph {
    names: Vec<String>,
    places: BTreeMap<String, usize>,
    graph: WeightedGraph,
    direction: Direction,
    complex: Option<Complex>,
}

fn refused(error: topology::Error) -> MathError {
    MathError::other(error.to_string())
}

impl NamedGraph {
    /// Reads a graph.
    ///
    /// # Errors
    /// A text of more than 64 MiB, one that is not of the format, and what [`WeightedGraph`], [`Grid`] and [`Complex`] refuse.
    pub fn read(text: &str, format: GraphFormat) -> Result<NamedGraph, MathError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(MathError::other("the text has more than 64 MiB").with_help("Give a smaller graph"));
        }
        let document = match format {
            GraphFormat::Edges => edges(text)?,
            GraphFormat::Toml => toml::from_str(text).map_err(|error| {
                let place = error.span().unwrap_or(0..0);
                MathError::other(error.message()).with_place(place.start, place.end)
            })?,
            GraphFormat::Json => {
                serde_json::from_str(text).map_err(|error| MathError::other(format!("this is no graph: {error}")))?
            }
        };
        document.graph()
    }

    /// The place of a vertex.
    fn vertex(&self, name: &str) -> Result<usize, MathError> {
        let spaceless: String = name.split_whitespace().collect();
        let found = self.places.get(name).or_else(|| self.places.get(&spaceless));
        found.copied().ok_or_else(|| {
            let known = self.names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(" ");
            MathError::other(format!("there is no vertex `{name}`"))
                .with_help(format!("The vertices begin with {known}"))
        })
    }
}

/// The edges of a list of lines.
fn edges(text: &str) -> Result<Document, MathError> {
    let mut document = Document::default();
    for line in text.lines() {
        let content = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = content.split([' ', '\t', ',']).filter(|word| !word.is_empty()).collect();
        let name = |word: &str| Name::Text(word.to_owned());
        let start = line.as_ptr() as usize - text.as_ptr() as usize;
        let wrong = |what: &str| {
            MathError::other(what.to_owned())
                .with_place(start, start + line.len())
                .with_help("A line is an edge, such as `a b` or `a b 2.5`, or a vertex alone")
        };
        match words.as_slice() {
            [] => {}
            [alone] => document.vertices.push(name(alone)),
            [from, to] => document.edges.push(EdgeText::Plain(name(from), name(to))),
            [from, to, weight] => {
                let weight = weight.parse().map_err(|_| wrong(&format!("`{weight}` is no weight")))?;
                document.edges.push(EdgeText::Weighted(name(from), name(to), weight));
            }
            _ => return Err(wrong("a line has more than two names and a weight")),
        }
    }
    Ok(document)
}

impl Document {
    fn graph(self) -> Result<NamedGraph, MathError> {
        if let Some(shape) = &self.grid {
            return self.grid(shape);
        }
        let (mut names, mut places) = (Vec::new(), BTreeMap::new());
        let mut place = |name: &Name| {
            let name = name.text();
            *places.entry(name.clone()).or_insert_with(|| {
                names.push(name);
                names.len() - 1
            })
        };
        self.vertices.iter().for_each(|name| {
            place(name);
        });
        let edge = |edge: &EdgeText| match edge {
            EdgeText::Plain(from, to) => (from.clone(), to.clone(), 1.0),
            EdgeText::Weighted(from, to, weight) => (from.clone(), to.clone(), *weight),
        };
        let mut edges = Vec::new();
        for (from, to, weight) in self.edges.iter().map(edge) {
            edges.push(Edge { from: place(&from), to: place(&to), weight });
        }
        let simplices: Vec<Vec<usize>> =
            self.simplices.iter().map(|corners| corners.iter().map(&mut place).collect()).collect();
        // Where only simplices are given, their edges are the graph.
        if edges.is_empty() {
            for corners in &simplices {
                for (at, from) in corners.iter().enumerate() {
                    edges.extend(corners[at + 1..].iter().map(|to| Edge { from: *from, to: *to, weight: 1.0 }));
                }
            }
            edges.sort_by_key(|edge| (edge.from.min(edge.to), edge.from.max(edge.to)));
            edges.dedup_by_key(|edge| (edge.from.min(edge.to), edge.from.max(edge.to)));
        }
        if names.is_empty() {
            return Err(MathError::other("there are no vertices").with_help("Give edges, simplices or a grid"));
        }
        let complex = if simplices.is_empty() { None } else { Some(Complex::new(&simplices).map_err(refused)?) };
        let direction = if self.directed { Direction::Directed } else { Direction::Undirected };
        let graph = WeightedGraph::new(names.len(), edges, direction).map_err(refused)?;
        Ok(NamedGraph { names, places, graph, direction, complex })
    }

    /// A grid: a vertex is named by its places along the axes, such as `0,3`.
    fn grid(&self, shape: &[usize]) -> Result<NamedGraph, MathError> {
        if !(self.edges.is_empty() && self.vertices.is_empty() && self.simplices.is_empty()) {
            return Err(MathError::other("a grid has no other vertices, edges or simplices")
                .with_help("Give either `grid` with `walls`, or edges"));
        }
        let open = Grid::open(shape).map_err(refused)?;
        let mut costs = vec![Some(1.0); shape.iter().product()];
        for wall in &self.walls {
            costs[open.cell(wall).map_err(refused)?] = None;
        }
        // A wall is no vertex: what is left is numbered anew.
        let mut number = vec![None; costs.len()];
        let mut names = Vec::new();
        for (cell, _) in costs.iter().enumerate().filter(|(_, cost)| cost.is_some()) {
            number[cell] = Some(names.len());
            let places = open.places(cell).map_err(refused)?;
            names.push(places.iter().map(usize::to_string).collect::<Vec<_>>().join(","));
        }
        if names.is_empty() {
            return Err(MathError::other("every cell of the grid is a wall").with_help("Leave cells open"));
        }
        let neighbours = if self.corners { Neighbours::Corners } else { Neighbours::Faces };
        let all = Grid::new(shape, costs).and_then(|grid| grid.to_graph(neighbours)).map_err(refused)?;
        let open = |own: &Edge| Some(Edge { from: number[own.from]?, to: number[own.to]?, weight: own.weight });
        let edges = all.edges().iter().filter_map(open).collect();
        let graph = WeightedGraph::new(names.len(), edges, Direction::Undirected).map_err(refused)?;
        let places = names.iter().cloned().enumerate().map(|(place, name)| (name, place)).collect();
        Ok(NamedGraph { names, places, graph, direction: Direction::Undirected, complex: None })
    }
}

/// A homology group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HomologyAnswer {
    /// The Betti number.
    pub betti: usize,
    /// The orders of finite cycles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub torsion: Vec<String>,
}

/// What a graph is like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphAnswer {
    /// How many vertices there are.
    pub vertices: usize,
    /// How many edges.
    pub edges: usize,
    /// Whether edges have a direction.
    pub directed: bool,
    /// What hangs together.
    pub components: Vec<Vec<String>>,
    /// What can be reached from each other, where edges have a direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strong_components: Option<Vec<Vec<String>>>,
    /// The weight of the edges that keep all together, where they have no direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spanning_weight: Option<f64>,
    /// The homology from dimension 0: of the complex where simplices are given, else of the graph.
    pub homology: Vec<HomologyAnswer>,
    /// Corners less edges and triangles less tetrahedra and so on.
    pub euler_characteristic: i64,
}

impl Answer for GraphAnswer {
    fn lines(&self) -> Vec<String> {
        let way = if self.directed { "directed" } else { "undirected" };
        let mut lines = vec![format!("{} vertices, {} edges, {way}", self.vertices, self.edges)];
        lines.push(shown("component", &self.components));
        lines.extend(self.strong_components.as_ref().map(|own| shown("strong component", own)));
        lines.extend(self.spanning_weight.map(|weight| format!("least weight that keeps them together: {weight}")));
        let group = |own: &HomologyAnswer| {
            let torsion = own.torsion.iter().map(|order| format!(" + Z/{order}")).collect::<String>();
            format!("{}{torsion}", own.betti)
        };
        let betti = self.homology.iter().map(group).collect::<Vec<_>>().join(", ");
        lines.push(format!("Betti numbers: {betti}"));
        lines.push(format!("Euler characteristic: {}", self.euler_characteristic));
        lines
    }
}

fn shown(what: &str, components: &[Vec<String>]) -> String {
    let names = |own: &Vec<String>| {
        let more = if own.len() > SHOWN { format!(" … ({})", own.len()) } else { String::new() };
        format!("{}{more}", own.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(" "))
    };
    let count = components.len();
    let ending = if count == 1 { "" } else { "s" };
    let more = if count > SHOWN { "; …" } else { "" };
    let all = components.iter().take(SHOWN).map(names).collect::<Vec<_>>().join("; ");
    format!("{count} {what}{ending}: {all}{more}")
}

/// What a graph is like: components, the weight that keeps it together, and its holes.
///
/// # Errors
/// What the topology refuses.
pub fn describe(graph: &NamedGraph) -> Result<GraphAnswer, MathError> {
    let grouped = |numbers: Vec<usize>| {
        let mut groups = vec![Vec::new(); numbers.iter().max().map_or(0, |last| last + 1)];
        for (name, number) in graph.names.iter().zip(numbers) {
            groups[number].push(name.clone());
        }
        groups
    };
    let is_directed = graph.direction == Direction::Directed;
    let own = &graph.graph;
    let (vertices, edges) = (own.vertex_count(), own.edges().len());
    let components = grouped(own.components());
    let (homology, euler_characteristic) = match &graph.complex {
        Some(complex) => {
            let group = |own: &topology::HomologyGroup| HomologyAnswer {
                betti: own.betti,
                torsion: own.torsion.iter().map(ToString::to_string).collect(),
            };
            (complex.homology().iter().map(group).collect(), complex.euler_characteristic())
        }
        None => {
            let group = |betti: usize| HomologyAnswer { betti, torsion: Vec::new() };
            let circles = edges + components.len() - vertices;
            (vec![group(components.len()), group(circles)], vertices as i64 - edges as i64)
        }
    };
    let spanning_weight = if is_directed { None } else { Some(own.minimum_spanning_forest().map_err(refused)?.weight) };
    let strong_components = is_directed.then(|| grouped(own.strong_components()));
    Ok(GraphAnswer {
        vertices,
        edges,
        directed: is_directed,
        components,
        strong_components,
        spanning_weight,
        homology,
        euler_characteristic,
    })
}

/// A shortest way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathAnswer {
    /// Its vertices; none where there is no way.
    pub path: Vec<String>,
    /// Its length.
    pub length: Option<f64>,
}

impl Answer for PathAnswer {
    fn lines(&self) -> Vec<String> {
        let length = self.length.map(|length| format!("length {length}"));
        length.map(|length| vec![self.path.join(" → "), length]).unwrap_or_default()
    }

    fn notes(&self) -> Vec<String> {
        if self.length.is_none() { vec!["there is no way".to_owned()] } else { Vec::new() }
    }
}

/// The shortest way between two vertices.
///
/// # Errors
/// A vertex that there is not, a circle of negative weight.
pub fn path(graph: &NamedGraph, from: &str, to: &str) -> Result<PathAnswer, MathError> {
    let (from, to) = (graph.vertex(from)?, graph.vertex(to)?);
    let found = graph.graph.shortest_paths(from).map_err(refused)?;
    let path = found.path_to(to).unwrap_or_default();
    let path = path.into_iter().map(|vertex| graph.names[vertex].clone()).collect();
    Ok(PathAnswer { path, length: found.distances[to] })
}

/// How far all vertices are from one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistancesAnswer {
    /// Vertex and distance in the order of the vertices; none where there is no way.
    pub distances: Vec<(String, Option<f64>)>,
}

impl Answer for DistancesAnswer {
    fn lines(&self) -> Vec<String> {
        let text = |length: &Option<f64>| length.map_or("no way".to_owned(), |length| length.to_string());
        self.distances.iter().map(|(name, length)| format!("{name}  {}", text(length))).collect()
    }
}

/// How far all vertices are from one.
///
/// # Errors
/// Those of [`path`].
pub fn distances(graph: &NamedGraph, from: &str) -> Result<DistancesAnswer, MathError> {
    let found = graph.graph.shortest_paths(graph.vertex(from)?).map_err(refused)?;
    Ok(DistancesAnswer { distances: graph.names.iter().cloned().zip(found.distances).collect() })
}

/// Volume and surface of a ball.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BallAnswer {
    /// The volume, exact.
    pub volume: String,
    /// The surface, exact.
    pub surface: String,
    /// The volume, rounded.
    pub volume_value: f64,
    /// The surface, rounded.
    pub surface_value: f64,
}

impl Answer for BallAnswer {
    fn lines(&self) -> Vec<String> {
        let line = |what: &str, exact: &str, value: f64| format!("{what} {exact} ≈ {value}");
        vec![line("volume ", &self.volume, self.volume_value), line("surface", &self.surface, self.surface_value)]
    }
}

/// Volume and surface of a ball of one to ten dimensions.
///
/// # Errors
/// Another count of dimensions, a radius that is no rational number or below 0.
pub fn ball(dimensions: usize, radius: &str) -> Result<BallAnswer, MathError> {
    let expr = parse(radius)?;
    let number = expr.as_number().cloned();
    let number = number.ok_or_else(|| {
        MathError::other(format!("the radius `{expr}` is no rational number")).with_help("Write 3 or 1/2").about(radius)
    })?;
    let volume = topology::ball_volume(dimensions, &number).map_err(refused)?;
    let surface = topology::sphere_surface(dimensions, &number).map_err(refused)?;
    let exact = |own: &topology::PiMultiple| own.to_string().replace('·', "*").replace('π', "pi");
    Ok(BallAnswer {
        volume: exact(&volume),
        surface: exact(&surface),
        volume_value: volume.to_f64(),
        surface_value: surface.to_f64(),
    })
}
