/// The machine's interrupt controllers in this process, in split mode.
final class SplitInterruptChips {
  func prepareEntry(of cpu: KVMCPU) {}
  func endOfInterrupt(vector: UInt8) {}
}
