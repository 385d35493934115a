//! Laws of groups, whose ranks are threads here.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use super::*;

/// A rank that is a thread of this process.
#[derive(Debug)]
struct Thread {
    rank: usize,
    to: Vec<Sender<Vec<u8>>>,
    from: Vec<Mutex<Receiver<Vec<u8>>>>,
}

impl Link for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn swap(&self, partner: usize, mine: &[u8], theirs: &mut [u8]) {
        self.to[partner].send(mine.to_vec()).unwrap();
        theirs.copy_from_slice(&self.from[partner].lock().unwrap().recv().unwrap());
    }

    fn abort(&self, code: u8) -> ! {
        panic!("rank {} ends all with {code}", self.rank)
    }
}

/// What `job` gives in each of `size` ranks.
pub(crate) fn in_ranks<R: Send>(size: usize, job: impl Fn(Group) -> R + Sync) -> Vec<R> {
    let mut to: Vec<Vec<Sender<Vec<u8>>>> = (0..size).map(|_| Vec::new()).collect();
    let mut from: Vec<Vec<Mutex<Receiver<Vec<u8>>>>> = (0..size).map(|_| Vec::new()).collect();
    for sender in &mut to {
        for receiver in &mut from {
            let (send, receive) = channel();
            sender.push(send);
            receiver.push(Mutex::new(receive));
        }
    }
    let links = to.into_iter().zip(from).enumerate().map(|(rank, (to, from))| Thread { rank, to, from });
    thread::scope(|scope| {
        let ranks: Vec<_> = links.map(|link| scope.spawn(|| job(Group(Some(Arc::new(link)))))).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

#[test]
fn every_rank_gets_the_same_sums_in_the_order_of_the_tree() {
    // (1e8 + 1) + (-1e8 + 1) is 0 in f32, and 1e8 - 1e8 + 1 + 1 would be 2.
    let terms = [1e8_f32, 1.0, -1e8, 1.0];
    for sum in in_ranks(4, |group| {
        let mut values = [terms[group.rank()], 1.0];
        group.sum(&mut values);
        values
    }) {
        assert_eq!(sum.map(f32::to_bits), [0.0_f32, 4.0].map(f32::to_bits));
    }
}

#[test]
fn many_numbers_are_added_up_in_the_same_order_as_few() {
    // An odd count, so that halves differ; more than `LARGE` bytes.
    let terms = |rank: usize| (0..20_001).map(move |at| 1.0 / ((at * (rank + 2)) % 977 + 1) as f32);
    let few = |group: &Group, mut values: Vec<f32>| {
        values.chunks_mut(1_000).for_each(|values| group.sum(values));
        values
    };
    for size in [2, 8] {
        for (many, few) in in_ranks(size, |group| {
            let mut many: Vec<f32> = terms(group.rank()).collect();
            group.sum(&mut many);
            (many, few(&group, terms(group.rank()).collect()))
        }) {
            assert!(many == few, "{size} ranks");
        }
    }
}

#[test]
fn a_slower_network_takes_its_time_and_gives_the_same_sums() {
    for (took, sum) in in_ranks(2, |group| {
        let start = Instant::now();
        let mut values = [group.rank() as u32 + 1; 250];
        group.over(Duration::from_millis(3), 1e6).sum(&mut values);
        (start.elapsed(), values)
    }) {
        // 8,000 bits at a million a second, and the latency.
        assert!(took >= Duration::from_millis(11) && sum == [3; 250], "{took:?}");
    }
}

#[test]
fn branches_cover_all_terms_once_and_are_those_of_the_tree() {
    for (size, leaves, expected) in [
        (2, 8, vec![0..4, 4..8]),
        (4, 5, vec![0..2, 2..4, 4..5, 5..5]),
        (4, 2, vec![0..1, 1..2, 2..2, 2..2]),
        (2, 6, vec![0..4, 4..6]),
    ] {
        assert_eq!(in_ranks(size, |group| group.branch(leaves)), expected, "{leaves} over {size}");
    }
    assert_eq!(Group::alone().branch(7), 0..7);
}

#[test]
fn what_one_rank_knows_all_can_learn() {
    let learned = in_ranks(4, |group| {
        let own = vec![group.rank() as u8; 3 + group.rank()];
        (group.any(group.rank() == 2), group.any(false), group.broadcast(own.clone()), group.gather(&own))
    });
    for (some, none, first, all) in learned {
        assert!(some && !none);
        assert_eq!(
            (first, all),
            (vec![0; 3], (0..4).map(|rank| vec![rank; 3 + usize::from(rank)]).collect())
        );
    }
}

#[test]
fn ranks_that_differ_are_named() {
    let said = in_ranks(4, |group| {
        let digest = [u8::from(group.rank() == 3); 32];
        group.check_same("the recipe", &digest).unwrap_err().to_string()
    });
    assert!(said.iter().all(|said| said.starts_with("the recipe of rank 3 differs")), "{said:?}");
    let same = in_ranks(2, |group| group.check_same("the recipe", &[7; 32]).is_ok());
    assert_eq!(same, [true, true]);
}

#[test]
fn three_processes_are_too_many_or_too_few() {
    let link = Thread { rank: 0, to: (0..3).map(|_| channel().0).collect(), from: Vec::new() };
    assert!(Group::new(link).unwrap_err().to_string().ends_with("start 2 or 4"));
}
