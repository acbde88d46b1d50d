//! From a copied stack to return addresses, by the unwind tables of the program and its libraries.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufReader, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use framehop::{CacheNative, ExplicitModuleSectionInfo, Module, UnwindRegsNative, Unwinder as _, UnwinderNative};
use object::{Object, ObjectSection, ObjectSegment, ReadCache, ReadRef};

use super::signal::Sample;

/// Frames of one stack: a recursion deeper than that says no more.
const MAX_FRAMES: usize = 512;

/// Tables that have been read, and of what no tables can be: a megabyte that all unwinders of the process share.
static READ: Mutex<Option<Tables>> = Mutex::new(None);
type Tables = HashMap<Image, Option<Module<Vec<u8>>>>;

/// Unwinds stacks of this process.
pub(crate) struct Unwinder {
    unwinder: UnwinderNative<Vec<u8>, framehop::MayAllocateDuringUnwind>,
    // Rules by address; those of files that are gone are known as such.
    cache: CacheNative<framehop::MayAllocateDuringUnwind>,
    images: Vec<Image>,
}

impl Unwinder {
    /// With the unwind tables of all that is loaded now.
    pub(crate) fn of_this_process() -> Self {
        let mut this = Self { unwinder: UnwinderNative::new(), cache: CacheNative::new(), images: Vec::new() };
        this.keep_up();
        this
    }

    /// Looks at what is loaded now: reads the tables of what is new, and forgets those of what is gone.
    pub(crate) fn keep_up(&mut self) {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let images = images(&maps);
        if images == self.images {
            return;
        }
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read.get_or_insert_default();
        read.retain(|image, _| images.contains(image));
        self.unwinder = UnwinderNative::new();
        for image in &images {
            let module = read.entry(image.clone()).or_insert_with(|| image.module());
            module.iter().for_each(|module| self.unwinder.add_module(module.clone()));
        }
        self.images = images;
    }

    /// Addresses from the leaf to the root. At least the leaf, also where nothing more is known.
    pub(crate) fn unwind(&mut self, sample: &Sample) -> Vec<usize> {
        let mut read = |address: u64| sample.read(address).ok_or(());
        let mut frames = self.unwinder.iter_frames(sample.ip, registers(sample), &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            // Addresses of this process fit its pointers.
            addresses.push(frame.address() as usize);
            if addresses.len() == MAX_FRAMES {
                break;
            }
        }
        addresses
    }
}

#[cfg(target_arch = "x86_64")]
fn registers(sample: &Sample) -> UnwindRegsNative {
    UnwindRegsNative::new(sample.ip, sample.sp, sample.fp)
}

#[cfg(target_arch = "aarch64")]
fn registers(sample: &Sample) -> UnwindRegsNative {
    UnwindRegsNative::new(sample.lr, sample.sp, sample.fp)
}

/// One loaded file, or the code that the kernel gives every process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Image {
    path: PathBuf,
    /// Tells a file from one that has taken its path and its place since.
    inode: u64,
    range: Range<u64>,
}

/// The kernel's code, for reading clocks without a system call.
const VDSO: &str = "[vdso]";

/// All loaded files, from lines `start-end mode offset device inode path`.
fn images(maps: &str) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(range), Some(inode), Some(path)) = (fields.next(), fields.nth(3), fields.next()) else { continue };
        let address = |text| u64::from_str_radix(text, 16).ok();
        let Some((start, end)) = range.split_once('-').and_then(|(a, b)| Some((address(a)?, address(b)?))) else {
            continue;
        };
        match images.last_mut() {
            Some(image) if image.path == Path::new(path) => image.range.end = end,
            _ if path.starts_with('/') || path == VDSO => {
                images.push(Image { path: path.into(), inode: inode.parse().unwrap_or(0), range: start..end });
            }
            _ => {}
        }
    }
    images
}

impl Image {
    fn module(&self) -> Option<Module<Vec<u8>>> {
        if self.path == Path::new(VDSO) {
            let mut bytes = vec![0; usize::try_from(self.range.end - self.range.start).ok()?];
            let mut memory = File::open("/proc/self/mem").ok()?;
            memory.seek(SeekFrom::Start(self.range.start)).ok()?;
            memory.read_exact(&mut bytes).ok()?;
            return self.parse(bytes.as_slice());
        }
        // The program may have been replaced on disk since it started.
        let running = fs::read_link("/proc/self/exe").is_ok_and(|program| program.starts_with(&self.path));
        let path = if running { Path::new("/proc/self/exe") } else { &self.path };
        let file = ReadCache::new(BufReader::new(File::open(path).ok()?));
        self.parse(&file)
    }

    /// Only headers and unwind tables are read.
    fn parse<'a, R: ReadRef<'a>>(&self, data: R) -> Option<Module<Vec<u8>>> {
        let elf = object::File::parse(data).ok()?;
        let range =
            |name| elf.section_by_name(name).map(|section| section.address()..section.address() + section.size());
        let bytes = |name| Some(elf.section_by_name(name)?.data().ok()?.to_vec());
        let first = elf.segments().map(|segment| segment.address()).min()?;
        let sections = ExplicitModuleSectionInfo {
            text_svma: range(".text"),
            got_svma: range(".got"),
            eh_frame_svma: range(".eh_frame"),
            eh_frame: bytes(".eh_frame"),
            eh_frame_hdr_svma: range(".eh_frame_hdr"),
            eh_frame_hdr: bytes(".eh_frame_hdr"),
            ..ExplicitModuleSectionInfo::default()
        };
        let name = self.path.to_string_lossy().into_owned();
        // What the file calls address zero.
        let base = self.range.start.checked_sub(first)?;
        Some(Module::new(name, self.range.clone(), base, sections))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_file_are_one_image() {
        let maps = "1000-2000 r--p 0 08:01 1 /bin/x\n2000-3000 r-xp 1000 08:01 1 /bin/x\n3000-4000 rw-p 0 00:00 0 [heap]\n\
                    5000-6000 r-xp 0 00:00 0 [vdso]\n7000-8000 rw-p 0 00:00 0 \n";
        let found: Vec<_> = images(maps).into_iter().map(|image| (image.path, image.range)).collect();
        assert_eq!(found, [("/bin/x".into(), 0x1000..0x3000), (VDSO.into(), 0x5000..0x6000)]);
    }

    #[test]
    fn who_knows_nothing_yet_catches_up() {
        let mut unwinder = Unwinder::of_this_process();
        let (images, end) = (unwinder.images.clone(), unwinder.unwinder.max_known_code_address());
        assert!(end > 0);
        unwinder.images.clear();
        unwinder.unwinder = UnwinderNative::new();
        assert_eq!(unwinder.unwinder.max_known_code_address(), 0);
        unwinder.keep_up();
        assert_eq!((unwinder.images, unwinder.unwinder.max_known_code_address()), (images, end));
        let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            read.as_ref().is_some_and(|read| read.values().any(Option::is_some)),
            "tables are kept for the next one"
        );
    }

    #[test]
    fn this_program_and_the_kernels_code_have_unwind_tables() {
        let maps = fs::read_to_string("/proc/self/maps").expect("linux");
        let images = images(&maps);
        let program = fs::read_link("/proc/self/exe").expect("linux");
        for path in [program.as_path(), Path::new(VDSO)] {
            let image = images.iter().find(|image| image.path == path).expect("it is loaded");
            assert!(image.module().is_some(), "{}", path.display());
        }
    }
}
