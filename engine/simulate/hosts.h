// What lies outside of the engine: hosts of containers and databases, receivers of HTTP requests
// and mails. Each job answers after a while, fails, answers twice, or dies, as chance derived from
// the seed and the effect's id says.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "services/base/service.h"

namespace kiban::simulate {

class Hosts {
 public:
  explicit Hosts(const Seed& seed) : seed_(seed) {}

  // A new process hands an effect over again under the same generation: a job that outlives the
  // process continues and repeats its last report; others begin anew.
  void perform(const services::Effect& effect, std::uint64_t generation, Timestamp now);
  // The engine's process has ended: reports in flight are lost.
  void on_restart();
  // When the next answer arrives.
  std::optional<Timestamp> next() const;
  struct Answer {
    std::string service{};
    services::Outcome outcome{};
    std::uint64_t job{0};
  };
  // Those that arrived by `now`, in order.
  std::vector<Answer> take(Timestamp now);
  // The final answer of this job was committed.
  void end(std::uint64_t job);
  // From now on nothing fails and nothing hangs: deployments must end.
  void be_kind() { kind_ = true; }

 private:
  struct Job {
    std::string key{};  // SERVICE/ID
    services::Effect effect{};
    std::uint64_t generation{0};
    std::vector<services::Outcome> said{};
    bool over{false};
  };
  struct Event {
    std::uint64_t job{0};
    std::string service{};
    services::Outcome outcome{};
    bool again{false};  // Arrives although the job has ended.
  };
  void say(std::uint64_t job, Timestamp at, json::object payload, bool final);
  void say_again(std::uint64_t job, Timestamp at, json::object payload);
  void begin(std::uint64_t job, Timestamp now);
  void begin_task(std::uint64_t job, Random& random, Timestamp now);
  void begin_database(std::uint64_t job, Random& random, Timestamp now);
  void begin_http(std::uint64_t job, Random& random, Timestamp now);
  void begin_probe(std::uint64_t job, Random& random, Timestamp now);
  void begin_invocation(std::uint64_t job, Random& random, Timestamp now);
  void begin_mail(std::uint64_t job, Random& random, Timestamp now);
  void stop_task(const std::string& arn, Random& random, Timestamp now);
  void drop_events(std::uint64_t job);
  Job* find_job(const std::string& key);
  bool fails(Random& random, std::uint64_t percent) const {
    return random.below(100) < percent && !kind_;
  }

  Seed seed_;
  bool kind_{false};
  std::uint64_t jobs_made_{0};
  std::map<std::uint64_t, Job> jobs_{};
  std::map<std::string, std::uint64_t> by_key_{};
  std::multimap<Timestamp, Event> events_{};
};

}  // namespace kiban::simulate
