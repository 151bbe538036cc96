//! Graphs, grids and balls as they are asked about, against NetworkX's answers, which `fixtures/make_graphs.py` wrote down.

use nexus_mprime::answer::{Answer, GraphFormat, NamedGraph, ball, describe, distances, path};

const REFERENCES: &str = include_str!("graphs.txt");

fn read(text: &str, format: GraphFormat) -> NamedGraph {
    NamedGraph::read(text, format).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[test]
fn graphs_are_what_networkx_says() {
    let mut count = 0;
    for line in REFERENCES.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        if let ["grid", shape, walls, cells] = fields.as_slice() {
            let graph = read(&format!("grid = {shape}\nwalls = {walls}\n"), GraphFormat::Toml);
            let from = cells.split(':').next().expect("a first cell");
            for (cell, length) in cells.split(' ').map(|own| own.split_once(':').expect("a cell and its distance")) {
                assert_eq!(path(&graph, from, cell).expect("a way").length, number(length), "{line}: {cell}");
            }
            continue;
        }
        let [way, vertices, edges, expected, pieces, strong, spanning, circles] = fields.as_slice() else {
            panic!("{line}")
        };
        let names = (0..vertices.parse::<usize>().expect("a count")).map(|at| format!("\"v{at}\"")).collect::<Vec<_>>();
        let edge = |edge: &str| {
            let parts: Vec<&str> = edge.split(',').collect();
            format!("[\"{}\", \"{}\", {}]", parts[0], parts[1], parts[2])
        };
        let edges = edges.split_whitespace().map(edge).collect::<Vec<_>>().join(", ");
        let directed = *way == "directed";
        let names = names.join(", ");
        let text = format!("{{\"directed\": {directed}, \"vertices\": [{names}], \"edges\": [{edges}]}}");
        let graph = read(&text, GraphFormat::Json);
        let found = describe(&graph).expect("an answer");
        assert_eq!(found.components.len().to_string(), *pieces, "{line}");
        let strong_found = found.strong_components.as_ref().unwrap_or(&found.components).len();
        assert_eq!((strong_found.to_string(), found.directed), ((*strong).to_owned(), directed), "{line}");
        assert_eq!(found.spanning_weight, number(spanning), "{line}");
        assert_eq!(found.homology[1].betti.to_string(), *circles, "{line}");
        let lengths: Vec<Option<f64>> =
            distances(&graph, "v0").expect("an answer").distances.iter().map(|(_, length)| *length).collect();
        assert_eq!(lengths, expected.split(' ').map(number).collect::<Vec<_>>(), "{line}");
        count += 1;
    }
    assert!(count >= 40, "{count}");
}

#[test]
fn complexes_have_the_homology_of_their_shapes() {
    let lines = |text: &str| describe(&read(text, GraphFormat::Toml)).expect("an answer").lines();
    // The hollow tetrahedron is a sphere.
    let sphere = lines("simplices = [[1, 2, 3], [1, 2, 4], [1, 3, 4], [2, 3, 4]]\n");
    assert_eq!(sphere[3..], ["Betti numbers: 1, 0, 1", "Euler characteristic: 2"]);
    let circle = lines("simplices = [[\"a\", \"b\"], [\"b\", \"c\"], [\"c\", \"a\"]]\n");
    assert_eq!(circle[3..], ["Betti numbers: 1, 1", "Euler characteristic: 0"]);
}

#[test]
fn what_is_no_graph_is_said() {
    let refused = |text: &str, format| match NamedGraph::read(text, format) {
        Ok(graph) => panic!("{graph:?}"),
        Err(error) => error,
    };
    let wrong = refused("a b 1\nb c heavy\n", GraphFormat::Edges);
    assert_eq!((wrong.message.as_str(), wrong.place), ("`heavy` is no weight", Some((6, 15))));
    assert!(refused("a b 1 2\n", GraphFormat::Edges).message.contains("more than two names"));
    assert!(refused("# nothing\n", GraphFormat::Edges).message.contains("no vertices"));
    assert!(refused("edge = []\n", GraphFormat::Toml).place.is_some());
    assert!(refused("{\"edges\": [[1]]}", GraphFormat::Json).message.contains("no graph"));
    assert!(refused("grid = [2]\nwalls = [[2]]\n", GraphFormat::Toml).message.contains("no place"));
    assert!(refused("grid = [1]\nwalls = [[0]]\n", GraphFormat::Toml).message.contains("every cell"));
    assert!(refused("grid = [2]\nedges = [[1, 2]]\n", GraphFormat::Toml).message.contains("no other vertices"));
    let graph = read("a b 1\nb c -3\nc a 1\nd\n", GraphFormat::Edges);
    assert!(path(&graph, "a", "b").expect_err("a circle is negative").message.contains("below 0"));
    let graph = read("a b\nd\n", GraphFormat::Edges);
    assert!(path(&graph, "a", "x").expect_err("no vertex").message.contains("no vertex `x`"));
    assert_eq!(path(&graph, "a", "d").expect("an answer").notes(), ["there is no way"]);
}

#[test]
fn balls_have_their_volume_and_surface() {
    let unit = ball(3, "1").expect("an answer");
    assert_eq!((unit.volume.as_str(), unit.surface.as_str()), ("4/3*pi", "4*pi"));
    assert!((unit.volume_value - 4.18879020478639).abs() < 1e-14);
    assert_eq!(ball(1, "5/2").expect("an answer").volume, "5");
    assert!(ball(11, "1").is_err() && ball(2, "-1").is_err() && ball(2, "pi").is_err() && ball(0, "1").is_err());
}
