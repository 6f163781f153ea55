use core::hint::black_box;

use warmline_core::memory::{
    Block, Blocks, Chain, Entry, Id, Index, Key, Lingering, LingeringSlot, Pool, PortQueue, PortSlot, Ports,
    Slot, TimerSlot, Timers,
};

use super::Values;

pub(super) fn pool(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut slots = [const { Slot::<[u8; 24]>::EMPTY }; 4];
    let mut pool = Pool::new(black_box(&mut slots));
    let a = pool.insert(values.array()).unwrap_or_else(|_| Id::from_bits(0));
    let b = Id::from_bits(values.u64());
    black_box((pool.get(a), pool.get(b)));
    black_box(pool.get_mut(b));
    black_box(pool.get_pair_mut(a, b));
    black_box(pool.id_at(values.u32()));
    black_box(pool.iter().map(|(id, value)| id.to_bits() ^ u64::from(value[0])).max());
    black_box(pool.remove(b));
    black_box(pool.is_full());
}

pub(super) fn index(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut entries = [Entry::EMPTY; 8];
    let mut index = Index::new(black_box(&mut entries));
    black_box(Index::entries(black_box(values.u32() as usize)));
    for _ in 0..2 {
        black_box(index.insert(values.u64(), values.u32()));
    }
    let wanted = values.u32();
    black_box(index.find(values.u64(), |value| value == wanted));
    black_box(index.remove(values.u64(), values.u32()));
    black_box((index.len(), index.capacity()));
}

pub(super) fn key(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let key = Key::new(values.u64(), values.u64());
    black_box(key.hash(black_box(&[values.rest(), b"piece"])));
}

pub(super) fn timers(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut slots = [TimerSlot::EMPTY; 8];
    let mut timers = Timers::new(black_box(&mut slots));
    for _ in 0..3 {
        timers.set(values.u32(), values.instant());
    }
    timers.cancel(values.u32());
    black_box((timers.at(values.u32()), timers.next()));
    while let Some(key) = timers.pop(values.instant()) {
        black_box(key);
    }
}

pub(super) fn blocks(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut storage = [Block::EMPTY; 4];
    let mut out = [0; 600];
    let mut blocks = Blocks::new(black_box(&mut storage));
    let mut chain = blocks.store(values.rest()).unwrap_or_else(|| Chain::from_bits(values.u64()));
    black_box(blocks.append(&mut chain, values.rest()));
    black_box(blocks.load(&chain, black_box(&mut out)));
    black_box(blocks.pieces(&chain).map(<[u8]>::len).max());
    let kept = chain.into_bits() ^ values.u64();
    blocks.free(Chain::from_bits(kept));
    black_box(blocks.free_blocks());
    black_box(Blocks::needed(black_box(values.u32() as usize)));
}

pub(super) fn ports(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut slots = [PortSlot::EMPTY; 8];
    let mut queues = [PortQueue::EMPTY; 4];
    let mut ports = Ports::new(black_box(&mut slots), black_box(&mut queues));
    black_box(Ports::pairs(values.u16(), values.u16()));
    black_box(Ports::worker(values.u16(), values.u8()));
    black_box(ports.add(values.u8(), values.u16(), values.u16(), values.u8()));
    black_box(ports.take(values.u8(), None));
    black_box(ports.take(values.u8(), Some(values.u8())));
    black_box(ports.claim(values.u8(), values.u16()));
    ports.give_back(values.u16());
    black_box(ports.free(values.u8()));
}

pub(super) fn lingering(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut slots = [LingeringSlot::EMPTY; 8];
    let mut lingering = Lingering::new(black_box(&mut slots));
    black_box(Lingering::slots(black_box(values.u32() as usize)));
    for _ in 0..2 {
        black_box(lingering.insert(values.u64(), values.instant(), values.u32()));
    }
    black_box(lingering.find(values.u64()));
    black_box(lingering.replace(values.u64(), values.u32()));
    black_box(lingering.next());
    while let Some(payload) = lingering.expire(values.instant()) {
        black_box(payload);
    }
}
