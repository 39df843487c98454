internal import Hypervisor

/// `-smp` as written, 0 for what was left out.
struct ProcessorProperties: PropertySet {
  var count: UInt32 = 0
  var sockets: UInt32 = 0
  var cores: UInt32 = 0
  var threads: UInt32 = 0
  var maximum: UInt32 = 0

  static let table = PropertyTable<ProcessorProperties>(
    owner: "smp-opts", wording: .parameter, impliedKey: "cpus",
    properties: [
      .unsigned("cpus", type: "uint32", \.count, "number of CPUs"),
      .unsigned("sockets", type: "uint32", \.sockets, "sockets of the machine"),
      .unsigned("cores", type: "uint32", \.cores, "cores of a socket"),
      .unsigned("threads", type: "uint32", \.threads, "threads of a core"),
      .unsigned("maxcpus", type: "uint32", \.maximum, "as cpus, since none are plugged later"),
    ],
    unsupported: "books clusters dies drawers modules")

  /// Fills in what was left out, as QEMU does: the missing number is what the others leave, and cores
  /// are preferred to sockets.
  func topology(option: String?) throws(CommandLineError) -> CPUTopology {
    func refusal(_ reason: CommandLineError.Reason) -> CommandLineError {
      CommandLineError(option: option, reason: reason)
    }
    let given = [sockets, cores, threads, count, maximum].map(UInt64.init)
    guard given.allSatisfy({ $0 <= 1 << 16 }) else {
      throw refusal(.tooManyProcessors(Int(max(count, maximum)), limit: CPUTopology.maximumCount))
    }
    var (sockets, cores, threads) = (given[0], given[1], given[2])
    let known = max(given[4], given[3])
    if known == 0 {
      (sockets, cores, threads) = (max(1, sockets), max(1, cores), max(1, threads))
    } else if cores == 0 {
      (sockets, threads) = (max(1, sockets), max(1, threads))
      cores = known / (sockets * threads)
    } else if sockets == 0 {
      threads = max(1, threads)
      sockets = known / (cores * threads)
    } else if threads == 0 {
      threads = known / (sockets * cores)
    }
    let product = sockets * cores * threads
    let maximum = given[4] == 0 ? product : given[4]
    let count = given[3] == 0 ? maximum : given[3]
    guard product == maximum, product > 0, count <= maximum else {
      throw refusal(
        .processorProduct(
          sockets: Int(sockets), cores: Int(cores), threads: Int(threads),
          maximum: Int(max(count, maximum))))
    }
    guard maximum <= CPUTopology.maximumCount else {
      throw refusal(.tooManyProcessors(Int(maximum), limit: CPUTopology.maximumCount))
    }
    guard count == maximum else {
      throw refusal(.processorPlugging(count: Int(count), maximum: Int(maximum)))
    }
    return CPUTopology(
      count: Int(count), sockets: Int(sockets), cores: Int(cores), threads: Int(threads))
  }
}
