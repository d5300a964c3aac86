use std::io::Write;
fn main() {
    let f = std::env::args().nth(1).unwrap();
    let data = std::fs::read(&f).unwrap();
    let mut m = overseer_signatures::Miner::new(Default::default());
    let raw = std::env::var("HEADERS").is_err();
    let t = std::time::Instant::now();
    let ids: Vec<_> = data
        .strip_suffix(b"\n")
        .unwrap_or(&data)
        .split(|&b| b == b'\n')
        .map(|l| if raw { m.observe(l).signature } else { m.observe_message(l).signature })
        .collect();
    let e = t.elapsed();
    eprintln!("{} lines {} sigs {:?} {:.0} lines/s", ids.len(), m.len(), e, ids.len() as f64 / e.as_secs_f64());
    let Some(out) = std::env::args().nth(2) else { return };
    let mut o = std::io::BufWriter::new(std::fs::File::create(out).unwrap());
    writeln!(o, "LineId,ClusterId,Template").unwrap();
    let mut memo = std::collections::HashMap::new();
    for (i, s) in ids.iter().enumerate() {
        let r = m.resolve(*s);
        let t = memo
            .entry(r)
            .or_insert_with(|| m.signature(r).map(|s| s.template.replace('"', "\"\"")).unwrap_or_default());
        writeln!(o, "{},{},\"{}\"", i + 1, r, t).unwrap();
    }
}
