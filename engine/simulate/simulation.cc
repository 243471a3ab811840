#include "simulate/simulation.h"

#include <array>

#include "api/model.h"
#include "simulate/generator.h"
#include "simulate/world.h"

namespace kiban::simulate {
namespace {

using namespace std::chrono_literals;

struct Wanted {
  std::string_view service{};
  std::string_view operation{};
};

// What most other requests refer to, made by the first steps of each run, in this order.
constexpr std::array<Wanted, 30> foundations{{
    {"ec2", "CreateVpc"},
    {"sqs", "CreateQueue"},
    {"s3", "CreateBucket"},
    {"ec2", "CreateSubnet"},
    {"s3", "PutObject"},
    {"sns", "CreateTopic"},
    {"ec2", "CreateSubnet"},
    {"ecs", "CreateCluster"},
    {"states", "CreateActivity"},
    {"ecs", "RegisterTaskDefinition"},
    {"states", "CreateStateMachine"},
    {"events", "PutRule"},
    {"events", "PutTargets"},
    {"logs", "CreateLogGroup"},
    {"sqs", "CreateQueue"},
    {"logs", "CreateLogStream"},
    {"kms", "CreateKey"},
    {"states", "CreateStateMachine"},
    {"secretsmanager", "CreateSecret"},
    {"iam", "CreateRole"},
    {"elbv2", "CreateTargetGroup"},
    {"iam", "CreatePolicy"},
    {"events", "CreateConnection"},
    {"ssm", "PutParameter"},
    {"ecr", "CreateRepository"},
    {"states", "CreateStateMachine"},
    {"events", "CreateArchive"},
    {"ec2", "CreateSecurityGroup"},
    {"elbv2", "CreateLoadBalancer"},
    {"rds", "CreateDBSubnetGroup"},
}};
constexpr std::uint64_t foundations_per_step = 3;
constexpr std::uint64_t foundation_steps = foundations.size() / foundations_per_step;

// The services that do more than keep rows, and what sets most of them going.
constexpr std::array<std::string_view, 7> busy_services{
    "states", "cloudformation", "ecs", "events", "sqs", "sns", "rds"};
constexpr std::array<Wanted, 26> busy_operations{{
    {"states", "StartExecution"},
    {"states", "StartExecution"},
    {"states", "StartExecution"},
    {"states", "StartExecution"},
    {"states", "CreateStateMachine"},
    {"states", "CreateStateMachine"},
    {"states", "GetActivityTask"},
    {"states", "SendTaskSuccess"},
    {"states", "RedriveExecution"},
    {"states", "StopExecution"},
    {"states", "ListMapRuns"},
    {"cloudformation", "CreateStack"},
    {"cloudformation", "CreateStack"},
    {"cloudformation", "UpdateStack"},
    {"cloudformation", "DeleteStack"},
    {"cloudformation", "CreateChangeSet"},
    {"cloudformation", "ExecuteChangeSet"},
    {"ecs", "RunTask"},
    {"ecs", "CreateService"},
    {"ecs", "UpdateService"},
    {"sqs", "SendMessage"},
    {"sqs", "ReceiveMessage"},
    {"sns", "Publish"},
    {"events", "PutEvents"},
    {"rds", "CreateDBCluster"},
    {"events", "PutTargets"},
}};

class Author {
 public:
  explicit Author(std::uint64_t seed) : seed_(seed) {}

  Step write(std::uint64_t number, Timestamp now) {
    Random random{seed_.derive("step", number)};
    Step step{.number = number};
    if (number <= foundation_steps) {
      for (std::uint64_t i = 0; i < foundations_per_step; ++i)
        if (random.below(8) > 0)
          step.calls.push_back(
              call(random, foundations.at((number - 1) * foundations_per_step + i), now));
      return step;
    }
    const std::uint64_t draw = random.below(10);
    const std::uint64_t calls = draw < 6 ? 1 : draw < 8 ? 2 : 4;
    for (std::uint64_t i = 0; i < calls; ++i) {
      step.calls.push_back(call(random, choose(random), now));
      if (random.below(25) == 0) step.calls.back().region = "eu-west-1";
    }
    if (random.below(8) == 0) {
      step.fault = static_cast<Fault>(1 + random.below(fault_count - 1));
      step.fault_after = random.below(random.below(2) == 0 ? 2 : 8);
    }
    step.advance = span(random);
    return step;
  }
  void learn_token(const std::string& body) { generator_.learn_token(body); }
  void learn(const Call& call, const json::object& reply) {
    const api::Service* service = api::find_service(call.service);
    generator_.learn(*service, *service->operation(call.operation), call.input, reply);
  }

 private:
  Call call(Random& random, const Wanted& wanted, Timestamp now) {
    const api::Service* service = api::find_service(wanted.service);
    return {.service = std::string(wanted.service),
            .operation = std::string(wanted.operation),
            .input = generator_.make(random, *service, *service->operation(wanted.operation), now)};
  }

  Wanted choose(Random& random) const {
    while (true) {
      const std::uint64_t draw = random.below(3);
      if (draw == 0) return busy_operations.at(random.below(busy_operations.size()));
      Wanted wanted = all_[random.below(all_.size())];
      if (draw == 1)
        wanted = of_service(random, busy_services.at(random.below(busy_services.size())));
      const bool ends = wanted.operation.starts_with("Delete") ||
                        wanted.operation.starts_with("Remove") ||
                        wanted.operation.starts_with("Deregister");
      if (!ends || random.below(3) == 0) return wanted;
    }
  }

  static Wanted of_service(Random& random, std::string_view name) {
    const api::Service* service = api::find_service(name);
    return {name, service->operations[random.below(service->operations.size())].name};
  }

  static std::vector<Wanted> all_operations() {
    std::vector<Wanted> all;
    for (const api::Service* service : api::services())
      for (const api::Operation& operation : service->operations)
        all.push_back({service->folder, operation.name});
    return all;
  }

  static Duration span(Random& random) {
    const std::uint64_t draw = random.below(100);
    const Duration most = draw < 35   ? 0ms
                          : draw < 70 ? 2s
                          : draw < 90 ? Duration{1min}
                          : draw < 99 ? Duration{20min}
                                      : Duration{6h};
    return Duration{
        static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(most.count()) + 1))};
  }

  Seed seed_;
  Generator generator_{};
  std::vector<Wanted> all_ = all_operations();
};

Run finish(World& world, Run run) {
  if (!world.findings().first()) world.settle();
  run.finding = world.findings().first();
  run.trace = world.trace();
  run.coverage = std::move(world.coverage());
  run.coverage.counts["steps"] = run.steps.size();
  return run;
}

}  // namespace

Run simulate(const Options& options, const Tell& tell) {
  World world{options, tell};
  Author author{options.seed};
  world.set_heard([&author](const Call& call, const Result<json::object>& reply) {
    if (reply) author.learn(call, *reply);
  });
  world.set_sent([&author](const std::string& body) { author.learn_token(body); });
  Run run;
  for (std::uint64_t number = 1; number <= options.steps && !world.findings().first(); ++number) {
    run.steps.push_back(author.write(number, world.now()));
    world.perform(run.steps.back());
  }
  return finish(world, std::move(run));
}

Run repeat(const Options& options, const std::vector<Step>& steps, const Tell& tell) {
  World world{options, tell};
  Run run;
  for (const Step& step : steps) {
    if (world.findings().first()) break;
    run.steps.push_back(step);
    world.perform(step);
  }
  return finish(world, std::move(run));
}

namespace {

class Shrinker {
 public:
  Shrinker(const Options& options, const Run& failed, int tries)
      : options_(options),
        invariant_(failed.finding->invariant),
        left_(tries),
        best_(failed.steps) {}

  std::vector<Step> run() {
    for (std::size_t size = best_.size() / 2; size > 0; size /= 2)
      for (std::size_t at = best_.size(); at-- > 0;) {
        const std::size_t from = at + 1 < size ? 0 : at + 1 - size;
        std::vector<Step> fewer = best_;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(from),
                    fewer.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        keep_if_failing(fewer);
        at = from;
        if (at > best_.size()) at = best_.size();
      }
    simplify();
    return best_;
  }

 private:
  void keep_if_failing(const std::vector<Step>& steps) {
    if (left_-- <= 0) return;
    const Run run = repeat(options_, steps);
    if (run.finding && run.finding->invariant == invariant_) best_ = run.steps;
  }
  void simplify() {
    for (std::size_t i = 0; i < best_.size(); ++i) {
      for (std::size_t call = best_[i].calls.size(); call-- > 0 && i < best_.size();) {
        std::vector<Step> simpler = best_;
        if (call >= simpler[i].calls.size()) continue;
        simpler[i].calls.erase(simpler[i].calls.begin() + static_cast<std::ptrdiff_t>(call));
        keep_if_failing(simpler);
      }
      if (i < best_.size() && best_[i].fault != Fault::None) {
        std::vector<Step> simpler = best_;
        simpler[i].fault = Fault::None;
        keep_if_failing(simpler);
      }
      if (i < best_.size() && best_[i].advance > Duration{0}) {
        std::vector<Step> simpler = best_;
        simpler[i].advance = Duration{0};
        keep_if_failing(simpler);
      }
    }
  }

  const Options& options_;
  std::string invariant_;
  int left_;
  std::vector<Step> best_;
};

}  // namespace

std::vector<Step> shrink(const Options& options, const Run& failed, int tries) {
  return Shrinker{options, failed, tries}.run();
}

}  // namespace kiban::simulate
