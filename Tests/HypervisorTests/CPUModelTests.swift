import Hypervisor
import Testing

@Suite struct CPUModelTests {
  // MARK: - The command line

  @Test func aModelWithFeaturesIsRead() throws {
    let model = try CPUModel(parsing: "host,+avx2,-x2apic,sse4_1=off,pcid,kvm=off,enforce=on")
    #expect(model.base == .host && !model.showsKVM && model.isEnforced)
    #expect(
      model.changes == [
        .init(name: "avx2", isOn: true), .init(name: "x2apic", isOn: false),
        .init(name: "sse4.1", isOn: false), .init(name: "pcid", isOn: true),
      ])
    #expect(try CPUModel(parsing: "qemu64") == CPUModel(.qemu64))
    #expect(try CPUModel(parsing: "max,check=off,migratable=no").isMigratable == false)
  }

  @Test(
    arguments: [
      ("hots", .unknownModel("hots", nearest: "host")),
      ("", .unknownModel("", nearest: nil)), ("pentium9", .unknownModel("pentium9", nearest: nil)),
      ("host,+avx3", .unknownFeature("avx3", model: "host", nearest: "avx")),
      ("host,-x2apix", .unknownFeature("x2apix", model: "host", nearest: "x2apic")),
      ("host,", .unknownFeature("", model: "host", nearest: nil)),
      ("host,+", .unknownFeature("", model: "host", nearest: nil)),
      ("max,enforc=on", .unknownFeature("enforc", model: "max", nearest: "enforce")),
      ("qemu64,avx2=maybe", .badValue(name: "avx2", value: "maybe")),
      ("qemu64,avx9=maybe", .unknownFeature("avx9", model: "qemu64", nearest: "avx")),
    ] as [(String, CPUModelError)])
  func aMistakeIsNamedWithWhatWasProbablyMeant(text: String, error: CPUModelError) {
    #expect(throws: error) { try CPUModel(parsing: text) }
  }

  @Test func messagesAreQEMUs() {
    #expect(
      CPUModelError.unknownModel("hots", nearest: "host").message
        == "unable to find CPU model 'hots'; did you mean 'host'?")
    #expect(
      CPUModelError.unknownFeature("foo", model: "host", nearest: nil).message
        == "Property 'host-x86_64-cpu.foo' not found")
    #expect(
      CPUModelError.badValue(name: "avx2", value: "x").message
        == "Parameter 'avx2' expects 'on' or 'off'")
  }

  @Test func everyFeatureHasAPlaceOfItsOwn() {
    var places: Set<String> = []
    for feature in CPUFeature.all {
      #expect((0..<32).contains(feature.bit))
      let place = "\(feature.leaf) \(feature.index) \(feature.register) \(feature.bit)"
      #expect(places.insert(place).inserted, "\(feature.name)")
    }
  }

  @Test(
    arguments: [
      ("fpu", 1, 0, .edx, 0), ("pbe", 1, 0, .edx, 31), ("x2apic", 1, 0, .ecx, 21),
      ("hypervisor", 1, 0, .ecx, 31), ("avx512vl", 7, 0, .ebx, 31), ("smap", 7, 0, .ebx, 20),
      ("la57", 7, 0, .ecx, 16), ("pks", 7, 0, .ecx, 31), ("spec-ctrl", 7, 0, .edx, 26),
      ("ssbd", 7, 0, .edx, 31), ("lam", 7, 1, .eax, 26), ("prefetchiti", 7, 1, .edx, 14),
      ("lm", 0x8000_0001, 0, .edx, 29), ("perfctr-nb", 0x8000_0001, 0, .ecx, 24),
      ("svm", 0x8000_0001, 0, .ecx, 2), ("invtsc", 0x8000_0007, 0, .edx, 8),
      ("amd-psfd", 0x8000_0008, 0, .ebx, 28), ("svme-addr-chk", 0x8000_000a, 0, .edx, 28),
      ("srso-user-kernel-no", 0x8000_0021, 0, .eax, 30), ("xfd", 0xd, 1, .eax, 4),
      ("kvmclock-stable-bit", 0x4000_0001, 0, .eax, 24),
    ] as [(String, UInt32, UInt32, CPUIDTable.Register, Int)])
  func aNameIsAtTheBitOfTheManuals(
    name: String, leaf: UInt32, index: UInt32, register: CPUIDTable.Register, bit: Int
  ) throws {
    let feature = try #require(CPUFeature.named(name).first)
    #expect(feature.leaf == leaf && feature.index == index)
    #expect(feature.register == register && feature.bit == bit)
  }

  // MARK: - Shape

  /// A host of Intel's with AVX and XSAVE.
  private static let intel = HostCPU(
    supported: CPUIDTable([
      .init(leaf: 0, eax: 0x16, ebx: 0x756e_6547, ecx: 0x6c65_746e, edx: 0x4965_6e69),
      .init(leaf: 1, eax: 0x806ec, ebx: 0x0210_0800, ecx: 0x7ffa_3223, edx: 0x1f8b_fbff),
      .init(leaf: 4, index: 0, isIndexed: true, eax: 0x1c00_4121, ebx: 0x1c0_003f, ecx: 0x3f),
      .init(leaf: 4, index: 3, isIndexed: true, eax: 0x1c03_c163, ebx: 0x2c0_003f, ecx: 0x3fff),
      .init(leaf: 4, index: 4, isIndexed: true),
      .init(leaf: 7, index: 0, isIndexed: true, ebx: 0x029c_6fbf, ecx: 0x18, edx: 0xac00_0400),
      .init(leaf: 0xb, index: 0, isIndexed: true, ebx: 2, ecx: 0x100, edx: 5),
      .init(leaf: 0xd, index: 0, isIndexed: true, eax: 0x207, ebx: 0x340, ecx: 0xa88),
      .init(leaf: 0xd, index: 1, isIndexed: true, eax: 0xf),
      .init(leaf: 0xd, index: 2, isIndexed: true, eax: 0x100, ebx: 0x240),
      .init(leaf: 0xd, index: 9, isIndexed: true, eax: 8, ebx: 0xa80),
      .init(leaf: 0x1f, index: 0, isIndexed: true, ebx: 2),
      .init(leaf: 0x4000_0000, eax: 0x4000_0001, ebx: 0x4b4d_564b, ecx: 0x564b_4d56, edx: 0x4d),
      .init(leaf: 0x4000_0001, eax: 0x0100_fefb),
      .init(leaf: 0x8000_0000, eax: 0x8000_0008),
      .init(leaf: 0x8000_0001, ecx: 0x121, edx: 0x2c10_0800),
      .init(leaf: 0x8000_0002), .init(leaf: 0x8000_0007, edx: 0x100),
      .init(leaf: 0x8000_0008, eax: 0x3027),
    ]), hasDeadlineTimer: true, brand: [.init(leaf: 0x8000_0002, eax: 0x6554_7374)])

  private func shaped(_ text: String) throws -> CPUModel.Shape {
    try CPUModel(parsing: text).shape(on: Self.intel)
  }

  private func has(_ name: String, _ table: CPUIDTable) -> Bool {
    let features = CPUFeature.named(name)
    return !features.isEmpty
      && features.allSatisfy {
        table[$0.leaf, $0.index, $0.register] >> UInt32($0.bit) & 1 == 1
      }
  }

  @Test func theHostIsPassedOnWithWhatKVMAdds() throws {
    let shape = try shaped("host")
    #expect(shape.missing.isEmpty)
    for name in ["x2apic", "hypervisor", "tsc-deadline", "arat", "avx", "kvmclock"] {
      #expect(has(name, shape.table), "\(name)")
    }
    // Not what binds a guest to the host, and not what follows the guest's own CR4.
    #expect(!has("invtsc", shape.table) && !has("kvm-msi-ext-dest-id", shape.table))
    #expect(shape.table[1, 0, .ecx] & 1 << 27 == 0)
    #expect(shape.table[0x8000_0002, 0, .eax] == 0x6554_7374)
    #expect(has("invtsc", try shaped("host,migratable=off").table))
  }

  @Test func withoutTheTimersDeadlineThereIsNoBitForIt() throws {
    var host = Self.intel
    host.hasDeadlineTimer = false
    host.supported[1, 0, .ecx] &= ~(1 << 24)
    #expect(!has("tsc-deadline", try CPUModel(.host).shape(on: host).table))
  }

  @Test func featuresAreSwitchedAndWhatIsMissingIsTold() throws {
    let shape = try shaped("host,-smap,+invtsc,+avx512f,+svm")
    #expect(!has("smap", shape.table) && has("invtsc", shape.table))
    #expect(shape.missing == ["avx512f", "svm"])
    #expect(throws: CPUModelError.missing(["avx512f"])) {
      try shaped("host,+avx512f,enforce")
    }
  }

  @Test func theLastWordOnAFeatureCounts() throws {
    #expect(has("smap", try shaped("host,-smap,+smap").table))
    #expect(!has("smap", try shaped("host,+smap,smap=off").table))
  }

  @Test func stateOfAFeatureThatIsOffIsNotEnabled() throws {
    let table = try shaped("host,-avx").table
    #expect(table[0xd, 0, .eax] == 0x203 && table[0xd, 2] == nil && table[0xd, 9] != nil)
    #expect(table[0xd, 0, .ecx] == 0xa88)
    let without = try shaped("host,-xsave").table
    #expect(without[0xd, 0] == nil && !has("avx", without))
    #expect(try shaped("host,-pku,-avx").table[0xd, 0, .ecx] == 0x240)
  }

  @Test func kvmCanBeHidden() throws {
    let table = try shaped("host,kvm=off,-hypervisor").table
    #expect(table[0x4000_0000, 0] == nil && table[0x4000_0001, 0] == nil)
    #expect(table[1, 0, .ecx] >> 31 == 0)
  }

  @Test func qemu64HasItsOwnNameAndFewFeatures() throws {
    let shape = try shaped("qemu64,+xsave,+avx")
    #expect(shape.table.isAMD && shape.table[1, 0, .eax] == 0x60fb1)
    for name in ["lm", "nx", "sse2", "cx16", "x2apic", "avx", "kvmclock"] {
      #expect(has(name, shape.table), "\(name)")
    }
    for name in ["avx2", "smap", "rdrand", "vmx", "pcid"] {
      #expect(!has(name, shape.table), "\(name)")
    }
    #expect(shape.table[0x8000_0002, 0, .eax] == 0x554d_4551)
    #expect(shape.table[0x8000_0008, 0, .eax] == 0x3027)
    // The lower half of AMD's leaf repeats leaf 1.
    #expect(shape.table[0x8000_0001, 0, .edx] & 1 == 1)
  }

  // MARK: - Topology

  @Test(
    arguments: [
      (CPUTopology(count: 1), [0]), (CPUTopology(count: 4), [0, 1, 2, 3]),
      (CPUTopology(count: 6, sockets: 2, cores: 3, threads: 1), [0, 1, 2, 4, 5, 6]),
      (CPUTopology(count: 8, sockets: 2, cores: 2, threads: 2), [0, 1, 2, 3, 4, 5, 6, 7]),
      (CPUTopology(count: 5, sockets: 1, cores: 3, threads: 3), [0, 1, 2, 4, 5]),
      (CPUTopology(count: 99), Array(0..<16)), (CPUTopology(count: -3), [0]),
    ] as [(CPUTopology, [UInt32])])
  func apicIDsHaveAFieldForEachLevel(topology: CPUTopology, ids: [UInt32]) {
    #expect((0..<topology.count).map(topology.apicID(of:)) == ids)
  }

  @Test func eachCPUIsToldItsPlace() throws {
    let topology = CPUTopology(count: 8, sockets: 2, cores: 2, threads: 2)
    let table = try shaped("host").table.placed(at: 6, in: topology)
    #expect(table[1, 0, .ebx] == 0x0604_0800 && table[1, 0, .edx] >> 28 & 1 == 1)
    let levels = (UInt32(0)..<3).map { table[0xb, $0] }
    #expect(
      levels == [
        .init(leaf: 0xb, index: 0, isIndexed: true, eax: 1, ebx: 2, ecx: 0x100, edx: 6),
        .init(leaf: 0xb, index: 1, isIndexed: true, eax: 2, ebx: 4, ecx: 0x201, edx: 6),
        .init(leaf: 0xb, index: 2, isIndexed: true, eax: 0, ebx: 0, ecx: 2, edx: 6),
      ])
    #expect(table[0x1f, 0] == nil)
    // Two cores; level 1 is shared by two threads, level 3 by four CPUs.
    #expect(table[4, 0, .eax] == 0x0400_4121 && table[4, 3, .eax] == 0x0400_c163)
  }

  @Test func aLoneCPUHasNoSiblings() throws {
    let table = try shaped("qemu64").table.placed(at: 0, in: CPUTopology(count: 1))
    #expect(table[1, 0, .ebx] >> 16 == 0 && table[1, 0, .edx] >> 28 & 1 == 0)
    #expect(table[0x8000_0001, 0, .ecx] & 2 == 0 && table[0x8000_0008, 0, .ecx] == 0)
  }

  @Test func anAMDProcessorCountsItsCores() throws {
    let table = try shaped("qemu64").table.placed(at: 3, in: CPUTopology(count: 4))
    #expect(table[0x8000_0001, 0, .ecx] & 2 == 2 && table[0x8000_0008, 0, .ecx] == 0x2003)
  }
}
