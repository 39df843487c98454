internal import CLinux
internal import Glibc
internal import SystemPackage

/// Pages that are locked for users, counted against what the caller may lock (8.4 of the contract).
final class LockedMemory {
  /// Whom pages are charged to.
  enum Account {
    /// Nobody: the caller had `CAP_IPC_LOCK` when it mapped.
    case none
    /// The user, as iommufd does by default.
    case user
    /// The process, as type1 does, and iommufd when asked to.
    case process
  }

  /// `RLIMIT_MEMLOCK` of the caller in bytes; nil for no limit.
  var limit: UInt64?
  private var userPages: UInt64 = 0
  private var processPages: UInt64 = 0

  /// Charges pages. Throws `ENOMEM` above the limit.
  func charge(_ pages: UInt64, to account: Account) throws(Errno) {
    let limit = limit.map { $0 / 4096 } ?? .max
    switch account {
    case .none: return
    case .user:
      guard userPages + pages <= limit else { throw .enomem }
      userPages += pages
    case .process:
      guard processPages + pages <= limit else { throw .enomem }
      processPages += pages
    }
  }

  /// Gives pages back that were charged.
  func release(_ pages: UInt64, from account: Account) {
    switch account {
    case .none: return
    case .user: userPages -= min(pages, userPages)
    case .process: processPages -= min(pages, processPages)
    }
  }
}

/// The pages of one mapped piece of memory or file, shared by the copies of its mapping: a page is
/// locked and charged once however many mappings need it.
final class UserPages {
  private let account: LockedMemory.Account
  private let memory: LockedMemory
  /// Page numbers, one range for each mapping that has its pages locked.
  private var locked: [ClosedRange<UInt64>] = []
  /// The memory file that the pages are of; nil for memory of the process.
  private(set) var file: File?

  /// A memory file, kept open by a duplicate of the caller's descriptor.
  struct File {
    var descriptor: Int32
    /// Where the file begins in that of the descriptor.
    var start: UInt64 = 0
    /// Bytes, a power of two.
    var pageSize: UInt64
  }

  init(_ memory: LockedMemory, account: LockedMemory.Account) {
    self.memory = memory
    self.account = account
  }

  deinit {
    if let file { _ = clinux_close(file.descriptor) }
  }

  /// Notes the memory file whose pages these are.
  func hold(_ descriptor: Int32) {
    var status = stat()
    guard file == nil, unsafe fstat(descriptor, &status) == 0 else { return }
    let copy = clinux_dup(descriptor)
    guard copy >= 0 else { return }
    // A file of huge pages says their size here and takes mappings of whole ones only.
    let block = UInt64(clamping: status.st_blksize)
    file = File(
      descriptor: copy, pageSize: block.nonzeroBitCount == 1 ? max(4096, block) : 4096)
  }

  /// The exported part of a BAR that the pages are of, and how often it was revoked by then.
  private var buffer: (buffer: DMABuffer, revocations: Int)?

  /// Whether the pages are those of a BAR that was taken away from whoever had mapped it.
  var isRevoked: Bool { buffer.map { $0.buffer.revocations != $0.revocations } ?? false }

  /// Notes the exported part of a BAR whose pages these are.
  func hold(_ exported: DMABuffer) {
    guard file == nil else { return }
    let copy = clinux_dup(exported.memory.descriptor)
    guard copy >= 0 else { return }
    buffer = (exported, exported.revocations)
    file = File(descriptor: copy, start: exported.start, pageSize: 4096)
  }

  /// Locks a range of bytes. Throws `ENOMEM` above the limit.
  func lock(_ bytes: ClosedRange<UInt64>) throws(Errno) {
    guard account != .none else { return }
    let before = count
    locked.append(Self.pages(of: bytes))
    do throws(Errno) {
      try memory.charge(count - before, to: account)
    } catch {
      locked.removeLast()
      throw error
    }
  }

  /// Ends one lock of a range of bytes that was locked; parts of it stay locked on their own.
  func unlock(_ bytes: ClosedRange<UInt64>, except parts: [ClosedRange<UInt64>] = []) {
    guard let index = locked.firstIndex(of: Self.pages(of: bytes)) else { return }
    let before = count
    locked.remove(at: index)
    locked += parts.map(Self.pages)
    memory.release(before - count, from: account)
  }

  private static func pages(of bytes: ClosedRange<UInt64>) -> ClosedRange<UInt64> {
    bytes.lowerBound >> 12...bytes.upperBound >> 12
  }

  private var count: UInt64 {
    merged(locked).reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) }
  }
}
