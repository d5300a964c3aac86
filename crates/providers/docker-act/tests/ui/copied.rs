use overseer_permit::Permit;

fn copy(permit: &Permit) -> Permit {
    Permit::clone(permit)
}

fn main() {}
