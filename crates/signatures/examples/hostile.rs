fn main() {
    let n: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mode: u32 = std::env::args().nth(2).unwrap().parse().unwrap();
    let mut m = overseer_signatures::Miner::new(Default::default());
    let mut x = 0x9E3779B97F4A7C15u64;
    let mut r = move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    let t = std::time::Instant::now();
    let mut line = Vec::new();
    let mut next = 100_000;
    for i in 0..n {
        line.clear();
        let words = match mode {
            0 => 4 + r() % 10,
            1 => 10,
            _ => 1 + r() % 40,
        };
        for w in 0..words {
            let len = 3 + r() % 8;
            for _ in 0..len {
                line.push(b'g' + (r() % 20) as u8);
            }
            if mode == 2 {
                line.push(b"=:,;()[]{}<>\"'|&!? "[(r() % 19) as usize]);
            } else if w == 0 && mode == 1 {
                line.extend_from_slice(b" fixed words here stay the same ");
            } else {
                line.push(b' ');
            }
        }
        m.observe(&line);
        if i + 1 == next {
            eprintln!(
                "{} lines {} sigs {:.2} s {:.2} us/line",
                i + 1,
                m.len(),
                t.elapsed().as_secs_f64(),
                t.elapsed().as_secs_f64() * 1e6 / (i + 1) as f64
            );
            next *= 3;
        }
    }
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    eprintln!(
        "{}",
        s.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS")).collect::<Vec<_>>().join(" ")
    );
}
