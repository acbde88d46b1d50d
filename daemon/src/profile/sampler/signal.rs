//! The timer's signal: its handler copies what unwinding will need into a free slot, and the profiler's thread takes
//! it from there.
//!
//! The `unsafe` of the sampler is here and in `perf`. The handler makes two system calls and touches nothing but its own slot: no
//! lock, no allocation, no panic, and no read that could fault (the kernel copies the stack and stops where it ends).
#![allow(unsafe_code)]

use std::{
    cell::UnsafeCell,
    io,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicU8, Ordering},
};

/// Bytes of stack copied: some 200 frames of an async stack. Roots beyond it are missing, leaves never.
const STACK_BYTES: usize = 32 << 10;
/// Samples between two visits of the profiler's thread, which come every 10 ms at the highest rates: 12,800 a second.
/// More are not taken, and seen as a lower yield. Slots take memory when they are first used, the lowest first.
pub(super) const SLOTS: usize = 128;
/// The kernel copies whole pages or none: a copy that runs past the stack's end keeps the pages before it.
const PAGE: usize = 4096;
/// Pieces of a copy: a part of a page, and whole ones.
const PIECES: usize = STACK_BYTES / PAGE + 1;
/// Length of a thread's name in Linux, its NUL included.
const NAME_BYTES: usize = 16;

/// What a thread was doing when the timer fired, or when it asked for itself.
pub(crate) struct Sample {
    pub(super) ip: u64,
    pub(super) sp: u64,
    /// Frame pointer.
    pub(super) fp: u64,
    /// Link register.
    #[cfg(target_arch = "aarch64")]
    pub(super) lr: u64,
    name: [u8; NAME_BYTES],
    length: usize,
    stack: [u8; STACK_BYTES],
}

impl Sample {
    /// Nothing yet.
    pub(crate) const fn empty() -> Self {
        Self {
            ip: 0,
            sp: 0,
            fp: 0,
            #[cfg(target_arch = "aarch64")]
            lr: 0,
            name: [0; NAME_BYTES],
            length: 0,
            stack: [0; STACK_BYTES],
        }
    }

    /// Copies the caller's own stack. Without its name, which nobody asks for there.
    #[inline(never)]
    pub(crate) fn copy_own(&mut self) {
        // SAFETY: registers are read, nothing else. The unwind tables hold for every instruction.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            std::arch::asm!(
                "lea {ip}, [rip]", "mov {sp}, rsp", "mov {fp}, rbp",
                ip = out(reg) self.ip, sp = out(reg) self.sp, fp = out(reg) self.fp,
                options(nomem, nostack, preserves_flags),
            );
        }
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            std::arch::asm!(
                "adr {ip}, .", "mov {sp}, sp", "mov {fp}, x29", "mov {lr}, x30",
                ip = out(reg) self.ip, sp = out(reg) self.sp, fp = out(reg) self.fp, lr = out(reg) self.lr,
                options(nomem, nostack, preserves_flags),
            );
        }
        self.length = copy_stack(&mut self.stack, self.sp as usize);
    }

    /// The thread's name.
    pub(super) fn thread(&self) -> String {
        let end = self.name.iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
        String::from_utf8_lossy(&self.name[..end]).into_owned()
    }

    /// Eight bytes of the stack as it was; `None` for what was not copied.
    pub(super) fn read(&self, address: u64) -> Option<u64> {
        let offset = usize::try_from(address.checked_sub(self.sp)?).ok()?;
        let bytes = self.stack[..self.length].get(offset..offset.checked_add(8)?)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }
}

const FREE: u8 = 0;
const BEING_WRITTEN: u8 = 1;
const FULL: u8 = 2;

struct Slot {
    state: AtomicU8,
    sample: UnsafeCell<Sample>,
}

// SAFETY: a handler writes the sample only between FREE -> BEING_WRITTEN (one can win) and -> FULL; the profiler's
// thread reads it only between FULL and -> FREE.
unsafe impl Sync for Slot {}

static RING: [Slot; SLOTS] =
    [const { Slot { state: AtomicU8::new(FREE), sample: UnsafeCell::new(Sample::empty()) } }; SLOTS];

/// Gives each waiting sample to `visit` and frees its slot. For one thread at a time: the one that has the sampler.
pub(super) fn take(mut visit: impl FnMut(&Sample)) {
    for slot in &RING {
        if slot.state.load(Ordering::Acquire) == FULL {
            // SAFETY: FULL slots are ours until they are FREE again.
            visit(unsafe { &*slot.sample.get() });
            slot.state.store(FREE, Ordering::Release);
        }
    }
}

/// Installs the handler. It stays for good: the default action of the signal ends the process.
pub(super) fn install() -> io::Result<()> {
    // SAFETY: a zeroed sigaction is a valid one; the handler has the signature that SA_SIGINFO asks for.
    let failed = unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler as *const () as usize;
        // Calls that the signal interrupts go on where the kernel can do that.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGPROF, &raw const action, ptr::null_mut()) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets the timer of CPU time; 0 stops it.
pub(super) fn set_timer(hz: u32) -> io::Result<()> {
    let period_us = if hz == 0 { 0 } else { 1_000_000 / i64::from(hz) };
    let period = libc::timeval { tv_sec: period_us / 1_000_000, tv_usec: period_us % 1_000_000 };
    let timer = libc::itimerval { it_interval: period, it_value: period };
    // SAFETY: the pointer is to a live local, and null is allowed for the old value.
    let failed = unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, ptr::null_mut()) != 0 };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

extern "C" fn handler(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid context for the length of the call, and errno is this thread's own.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        if let Some(slot) = RING.iter().find(|slot| claim(slot)) {
            fill(&mut *slot.sample.get(), &*context.cast::<libc::ucontext_t>());
            slot.state.store(FULL, Ordering::Release);
        }
        *errno = saved;
    }
}

fn claim(slot: &Slot) -> bool {
    slot.state.compare_exchange(FREE, BEING_WRITTEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
}

fn fill(sample: &mut Sample, context: &libc::ucontext_t) {
    #[cfg(target_arch = "x86_64")]
    {
        // The kernel's registers are i64; their bits are addresses.
        let register = |index: libc::c_int| context.uc_mcontext.gregs[index as usize] as u64;
        sample.ip = register(libc::REG_RIP);
        sample.sp = register(libc::REG_RSP);
        sample.fp = register(libc::REG_RBP);
    }
    #[cfg(target_arch = "aarch64")]
    {
        sample.ip = context.uc_mcontext.pc;
        sample.sp = context.uc_mcontext.sp;
        sample.fp = context.uc_mcontext.regs[29];
        sample.lr = context.uc_mcontext.regs[30];
    }
    // SAFETY: PR_GET_NAME writes at most 16 bytes.
    unsafe {
        libc::prctl(libc::PR_GET_NAME, sample.name.as_mut_ptr());
    }
    sample.length = copy_stack(&mut sample.stack, sample.sp as usize);
}

/// Copies from `from` upwards; returns how much there was.
fn copy_stack(to: &mut [u8; STACK_BYTES], from: usize) -> usize {
    let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: STACK_BYTES };
    let mut pieces = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; PIECES];
    let (mut at, end) = (from, from.saturating_add(STACK_BYTES));
    for piece in &mut pieces {
        let next = ((at / PAGE) * PAGE).saturating_add(PAGE).min(end);
        *piece = libc::iovec { iov_base: ptr::without_provenance_mut(at), iov_len: next - at };
        at = next;
    }
    // SAFETY: the local buffer is ours. The remote addresses are only read, by the kernel, which fails on those that
    // are not mapped instead of faulting.
    let copied = unsafe {
        libc::process_vm_readv(libc::getpid(), &raw const local, 1, pieces.as_ptr(), PIECES as libc::c_ulong, 0)
    };
    usize::try_from(copied).unwrap_or(0)
}
