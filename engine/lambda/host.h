// Runs AWS Lambda functions: performs the effects `lambda.invoke`, `lambda.warm`, `lambda.retire`
// and `lambda.abandon` of engine/services/lambda.
//
// Each environment has a thread, which starts its process, reads what it writes, keeps its time and
// removes what is left. The Runtime API of all environments is served by one more thread; each has
// a socket of its own that only it reaches.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "lambda/launcher.h"
#include "lambda/pools.h"
#include "runtime/effects.h"
#include "store/blobs.h"

namespace kiban::lambda {

struct HostOptions {
  std::string directory{};  // For unpacked code and runtimes; what an earlier run left is erased.
  std::string support{};    // find_runtime_support()
  PoolLimits limits{};
};

class Host {
 public:
  // `blobs` holds code and layers, and outlives the host. Ends what an earlier run left.
  static std::unique_ptr<Host> create(const HostOptions& options,
                                      std::unique_ptr<Launcher> launcher,
                                      const store::Blobs& blobs);
  // Ends all environments; what they run is not reported.
  virtual ~Host() = default;
  virtual void add_to(runtime::Effects& effects) = 0;
  // The performers, for tests.
  virtual void perform(const services::Effect& effect, const runtime::Report& report) = 0;
};

// As many as this machine has memory for: one for 64 MiB, at least 16 and at most 1000, which is
// AWS's own bound of an account.
PoolLimits limits_here();

// Answers the effects when nothing runs functions here, and says why.
void add_refusing_host(runtime::Effects& effects, const std::string& why);

}  // namespace kiban::lambda
