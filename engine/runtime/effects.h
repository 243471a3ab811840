// Dispatches the kernel's effects to their performers, by kind.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "kernel/kernel.h"
#include "runtime/http_client.h"
#include "runtime/kernel_thread.h"
#include "runtime/message_signer.h"

namespace kiban::runtime {

// Reports an outcome of an effect to the kernel; from any thread, the last one with `final`.
// `committed` is called on the kernel's thread once the outcome is durable; never when the server
// ends before that.
class Report {
 public:
  using Committed = std::function<void()>;
  Report() = default;
  // `tell` takes an outcome, or an outcome and a Committed.
  template <typename Tell>
    requires(!std::same_as<std::remove_cvref_t<Tell>, Report>)
  Report(Tell&& tell) {  // NOLINT(google-explicit-constructor): callers hand over a lambda.
    if constexpr (std::invocable<Tell&, services::Outcome, Committed>)
      tell_ = std::forward<Tell>(tell);
    else
      tell_ = [tell = std::forward<Tell>(tell)](const services::Outcome& outcome,
                                                const Committed& committed) mutable {
        tell(outcome);
        if (committed) committed();
      };
  }
  void operator()(services::Outcome outcome, Committed committed = {}) const {
    tell_(std::move(outcome), std::move(committed));
  }

 private:
  std::function<void(services::Outcome, Committed)> tell_{};
};
// Called on the kernel's thread, so it must not block.
using Performer = std::function<void(const services::Effect&, const Report&)>;

class Effects final : public kernel::EffectSink {
 public:
  // Adds a kind before the kernel begins: "http.post".
  void add(std::string kind, Performer performer);
  // Where outcomes go; set before the kernel begins.
  void set_kernel(KernelThread* kernel) { kernel_ = kernel; }
  // A kind without a performer has the outcome {"Error": "NotPerformed", "Cause": …} at once.
  void perform(const services::Effect& effect) override;

 private:
  std::map<std::string, Performer, std::less<>> performers_{};
  KernelThread* kernel_{nullptr};
};

// {"Url", "Headers": {name: value}, "Body", "Method" (POST), "TimeoutSeconds" (15)} to {"Status":
// n, "Reason": text, "Headers": [[name, value]], "Body": text} ("Binary": true when the body is
// not UTF-8) or {"Error": name, "Cause": text}, the names those of fetch(); a body has a megabyte
// at most. `targets` says which addresses may be called. With "Sign": "1" or "2" the body is an SNS
// message, to be signed in that version. `fetcher` and `signer` outlive the performer.
Performer make_http_performer(Fetcher& fetcher, MessageSigner& signer, Targets targets);

// {"Message"} to {}, once the server has written it on stderr.
Performer make_log_performer();

// {"Body", "Sign"}, an SNS message and a version, to {"Body": signed} or {"Error", "Cause"}; `post`
// runs the work on another thread. `signer` outlives the performer.
Performer make_sign_performer(MessageSigner& signer,
                              std::function<void(std::function<void()>)> post);

}  // namespace kiban::runtime
