#include "kernel/kernel.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

namespace kiban::kernel {
namespace {

using namespace std::chrono_literals;
using services::Context;
using services::Effect;
using services::Event;
using services::Outcome;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Timestamp start{Duration{1'700'000'000'000}};

// A service whose operations are the test's own functions, and which writes down what it hears.
class Probe final : public services::Service {
 public:
  using Operation = std::function<Result<json::object>(Context&, const json::object&)>;
  explicit Probe(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    const auto found = operations.find(operation);
    if (found == operations.end()) return fail("UnknownOperationException", std::string(operation));
    return found->second(context, input);
  }
  void on_timer(Context& context, const json::object& payload) override {
    heard.push_back("timer " + print_json(payload));
    if (timer) timer(context, payload);
  }
  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& told) override {
    heard.push_back("outcome " + std::string(kind) + " " + print_json(payload) + " " +
                    print_json(told.payload));
    if (outcome) outcome(context);
  }
  std::vector<std::string_view> event_sources() const override { return {"one", "two"}; }
  void on_event(Context& context, const Event& published) override {
    heard.push_back("event " + published.source + " " + published.region);
    if (event) event(context, published);
  }
  bool hears(Context&, std::string_view) override { return listening; }
  void on_start(Context& context) override {
    heard.push_back("start " + context.get(name_ + "/row").value_or("-"));
  }

  std::map<std::string, Operation, std::less<>> operations{};
  std::function<void(Context&, const json::object&)> timer{};
  std::function<void(Context&)> outcome{};
  std::function<void(Context&, const Event&)> event{};
  std::vector<std::string> heard{};
  bool listening{true};

 private:
  std::string name_;
};

struct Sink final : EffectSink {
  void perform(const Effect& effect) override {
    performed.push_back(effect.service + " " + effect.kind + " " + effect.id);
  }
  std::vector<std::string> performed{};
};

class FailingStore final : public store::Store {
 public:
  std::optional<std::string> get(std::string_view key) const override { return rows->get(key); }
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const override {
    return rows->scan(prefix, after, limit);
  }
  Result<void> commit(const store::Batch& batch) override {
    ++commits;
    if (failing) return fail("StoreFailed", "no space left on device");
    return rows->commit(batch);
  }
  std::unique_ptr<store::Store> rows{store::make_memory_store()};
  bool failing{false};
  int commits{0};
};

class KernelTest : public testing::Test {
 protected:
  void SetUp() override { restart(); }
  // A new kernel on the same rows, as after a crash.
  void restart() {
    auto a = std::make_unique<Probe>("a");
    auto b = std::make_unique<Probe>("b");
    a_ = a.get();
    b_ = b.get();
    std::vector<std::unique_ptr<services::Service>> all;
    all.push_back(std::move(a));
    all.push_back(std::move(b));
    options_.sink = &sink_;
    options_.log = [this](const std::string& line) { log_.push_back(line); };
    kernel_ = std::make_unique<Kernel>(store_, std::move(all), options_);
    a_->operations["Put"] = [](Context& context, const json::object& input) {
      context.put("a/row", to_string(*find_string(input, "Value")));
      return json::object{};
    };
  }
  void submit(std::string operation, json::object input = {}) {
    kernel_->submit({.service = "a",
                     .operation = std::move(operation),
                     .input = std::move(input),
                     .caller = kernel_->root(),
                     .reply = [this](const Result<json::object>& reply) {
                       replies_.push_back(reply ? print_json(*reply) : reply.error().name);
                     }});
  }

  FailingStore store_{};
  Sink sink_{};
  Options options_{};
  std::unique_ptr<Kernel> kernel_{};
  Probe* a_{nullptr};
  Probe* b_{nullptr};
  std::vector<std::string> log_{};
  std::vector<std::string> replies_{};
};

TEST_F(KernelTest, TellsWhetherAnotherServiceHearsASource) {
  std::vector<bool> answers;
  a_->operations["Ask"] = [&](Context& context, const json::object& input) {
    answers.push_back(context.heard(text(input, "Source")));
    return json::object{};
  };
  submit("Ask", {{"Source", "one"}});
  submit("Ask", {{"Source", "three"}});
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  b_->listening = false;
  submit("Ask", {{"Source", "one"}});  // Its own ears do not count.
  ASSERT_TRUE(kernel_->run_batch(start, 2));
  EXPECT_THAT(answers, ElementsAre(true, false, false));
}

// A service that keeps metrics: a row for each, which says how many came and their sum.
class Meter final : public services::Service {
 public:
  std::string_view name() const override { return "meter"; }
  Result<json::object> call(Context& context, std::string_view, const json::object&) override {
    return json::object{{"Row", context.get("meter/m").value_or("")}};
  }
  bool keeps_metrics() const override { return true; }
  void on_metric(Context& context, const services::MetricSum& sum) override {
    context.put("meter/" + std::string(sum.datum.name),
                context.get("meter/m").value_or("") + fmt::format("{} {} {} {} in {};", sum.count,
                                                                  sum.sum, sum.min, sum.max,
                                                                  context.caller().region));
    if (sum.datum.name == "damaged") throw std::runtime_error("damaged");
  }
};

class Metrics : public KernelTest {
 protected:
  Metrics() {
    auto a = std::make_unique<Probe>("a");
    probe_ = a.get();
    std::vector<std::unique_ptr<services::Service>> all;
    all.push_back(std::move(a));
    all.push_back(std::make_unique<Meter>());
    options_.log = [this](const std::string& line) { log_.push_back(line); };
    metered_ = std::make_unique<Kernel>(store_, std::move(all), options_);
    probe_->operations["Count"] = [](Context& context, const json::object& input) {
      count(context, "m", static_cast<double>(number(input, "Value")));
      return json::object{};
    };
    probe_->operations["CountAndFail"] = [](Context& context, const json::object&) {
      count(context, "m", 1000);
      // What is read was written already, and is undone nevertheless.
      const auto read = context.call("meter", "Read", {}, context.caller());
      return fail("Failed", text(*read, "Row"));
    };
  }
  static void count(Context& context, std::string_view name, double value) {
    context.count({.metric_namespace = "n", .name = name, .unit = "Count", .value = value});
  }
  void ask(std::string operation, json::object input = {}, std::string service = "a") {
    metered_->submit({.service = std::move(service),
                      .operation = std::move(operation),
                      .input = std::move(input),
                      .caller = metered_->root(),
                      .reply = [this](const Result<json::object>& reply) {
                        replies_.push_back(reply ? print_json(*reply) : reply.error().cause);
                      }});
  }
  Probe* probe_{nullptr};
  std::unique_ptr<Kernel> metered_{};
};

TEST_F(Metrics, AreSummedAndWrittenWithTheBatchThatCountedThem) {
  ask("Count", {{"Value", 3}});
  ask("Count", {{"Value", 1}});
  ASSERT_TRUE(metered_->run_batch(start, 1));
  EXPECT_EQ(store_.commits, 1);
  EXPECT_EQ(store_.get("meter/m"), "2 4 1 3 in ap-northeast-1;");
}

TEST_F(Metrics, AreThereForWhoeverAsks) {
  ask("Count", {{"Value", 3}});
  ask("Read", {}, "meter");
  ask("Count", {{"Value", 1}});
  ASSERT_TRUE(metered_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre("{}", R"({"Row":"1 3 3 3 in ap-northeast-1;"})", "{}"));
  EXPECT_EQ(store_.get("meter/m"), "1 3 3 3 in ap-northeast-1;1 1 1 1 in ap-northeast-1;");
}

TEST_F(Metrics, OfWhatFailedAreUndoneAndThoseBeforeStay) {
  ask("Count", {{"Value", 3}});
  ask("CountAndFail");
  ask("Count", {{"Value", 1}});
  ASSERT_TRUE(metered_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre("{}", "2 1003 3 1000 in ap-northeast-1;", "{}"));
  EXPECT_EQ(store_.get("meter/m"), "2 4 1 3 in ap-northeast-1;");
}

TEST_F(Metrics, ThatCannotBeWrittenStopNothingElse) {
  probe_->operations["Count"] = [](Context& context, const json::object&) {
    count(context, "damaged", 1);
    count(context, "m", 1);
    return json::object{};
  };
  ask("Count");
  ASSERT_TRUE(metered_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre("{}"));
  EXPECT_EQ(store_.get("meter/damaged"), std::nullopt);
  EXPECT_EQ(store_.get("meter/m"), "1 1 1 1 in ap-northeast-1;");
  EXPECT_THAT(log_, ElementsAre("the metric damaged failed inside kiban: damaged"));
}

TEST_F(KernelTest, TellsWhenEffectsChanged) {
  a_->operations["Perform"] = [](Context& context, const json::object&) {
    context.perform({.service = "a", .kind = "k", .id = "1"});
    return json::object{};
  };
  submit("Put", {{"Value", "1"}});
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  const std::uint64_t none = kernel_->effects_version();
  submit("Put", {{"Value", "2"}});
  ASSERT_TRUE(kernel_->run_batch(start, 2));
  EXPECT_EQ(kernel_->effects_version(), none);
  submit("Perform", {});
  ASSERT_TRUE(kernel_->run_batch(start, 3));
  const std::uint64_t begun = kernel_->effects_version();
  EXPECT_NE(begun, none);
  kernel_->outcome("a", {.id = "1"});
  ASSERT_TRUE(kernel_->run_batch(start, 4));
  EXPECT_NE(kernel_->effects_version(), begun);
  EXPECT_TRUE(kernel_->pending_effects().empty());
}

TEST_F(KernelTest, DecidesAllThatWaitsWithOneCommitAndRepliesAfterIt) {
  submit("Put", {{"Value", "1"}});
  submit("Put", {{"Value", "2"}});
  submit("Nonsense");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_EQ(store_.commits, 1);
  EXPECT_EQ(store_.get("a/row"), "2");
  EXPECT_THAT(replies_, ElementsAre("{}", "{}", "UnknownOperationException"));
}

TEST_F(KernelTest, TellsWhichRowsAreDurable) {
  std::vector<std::string> told;
  options_.committed = [&](const store::Batch& rows) {
    EXPECT_TRUE(store_.get("a/row")) << "after the commit";
    EXPECT_THAT(replies_, IsEmpty()) << "before the reply";
    for (const auto& [key, value] : rows) told.push_back(key);
  };
  restart();
  submit("Put", {{"Value", "1"}});
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(told, ElementsAre("a/row"));
}

TEST_F(KernelTest, UndoesWhatAFailedOperationDid) {
  a_->operations["Fail"] = [](Context& context, const json::object&) -> Result<json::object> {
    context.put("a/row", "3");
    context.erase("a/other");
    context.perform({.service = "a", .kind = "k", .id = "1"});
    context.publish({.source = "x"});
    context.set_timer("a", "t", start, {});
    return fail("ValidationException", "no");
  };
  submit("Put", {{"Value", "1"}});
  submit("Fail");
  kernel_->run_until_idle(start);
  EXPECT_EQ(store_.get("a/row"), "1");
  EXPECT_THAT(sink_.performed, IsEmpty());
  EXPECT_THAT(a_->heard, ElementsAre("start -"));
  EXPECT_TRUE(kernel_->pending_effects().empty());
}

TEST_F(KernelTest, AFailedCallUndoesTheCalleeOnly) {
  b_->operations["Fail"] = [](Context& context, const json::object&) -> Result<json::object> {
    context.put("b/row", "1");
    return fail("Nope", context.caller().arn);
  };
  b_->operations["Work"] = [](Context& context, const json::object&) {
    context.put("b/other", "1");
    return json::object{};
  };
  a_->operations["Both"] = [](Context& context, const json::object&) -> Result<json::object> {
    context.put("a/row", "1");
    KIBAN_CHECK(context.call("b", "Work", {}, context.caller()), "works");
    services::Caller role = context.caller();
    role.arn = "role";
    const auto failed = context.call("b", "Fail", {}, role);
    return json::object{{"Error", failed.error().name}, {"Arn", failed.error().cause}};
  };
  submit("Both");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre(R"({"Error":"Nope","Arn":"role"})"));
  EXPECT_EQ(store_.get("a/row"), "1");
  EXPECT_EQ(store_.get("b/other"), "1");
  EXPECT_EQ(store_.get("b/row"), std::nullopt);
}

TEST_F(KernelTest, AnExceptionFailsItsOperationAndNothingElse) {
  a_->operations["Throw"] = [](Context& context, const json::object&) -> Result<json::object> {
    context.put("a/row", "9");
    throw std::runtime_error("oops");
  };
  submit("Throw");
  submit("Put", {{"Value", "1"}});
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre("InternalFailure", "{}"));
  EXPECT_EQ(store_.get("a/row"), "1");
  EXPECT_THAT(log_, ElementsAre(testing::HasSubstr("oops")));
}

TEST_F(KernelTest, CallsInsideCallsAreBounded) {
  a_->operations["Loop"] = [](Context& context, const json::object&) {
    return context.call("a", "Loop", {}, context.caller());
  };
  submit("Loop");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre("InternalFailure"));
}

TEST_F(KernelTest, ScansSeeTheBatchsOwnWrites) {
  ASSERT_TRUE(store_.commit({{"a/1", "s"}, {"a/2", "s"}, {"a/3", "s"}}));
  a_->operations["Scan"] = [](Context& context, const json::object&) {
    context.put("a/0", "w");
    context.put("a/2", "w");
    context.erase("a/3");
    context.put("a/4", "w");
    json::object rows;
    for (const store::Row& row : context.scan("a/")) rows[row.key] = row.value;
    rows["limited"] = context.scan("a/", "a/0", 2).back().key;
    return rows;
  };
  submit("Scan");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_,
              ElementsAre(R"({"a/0":"w","a/1":"s","a/2":"w","a/4":"w","limited":"a/2"})"));
}

// An effect or a timer of a caller elsewhere is not the server's own region's business.
TEST_F(KernelTest, TimersAndOutcomesRunWhereTheyWereAskedFor) {
  a_->operations["Ask"] = [](Context& context, const json::object&) {
    context.set_timer("a", "t", start + 1s, {{"id", "t"}});
    context.perform({.service = "a", .kind = "k", .id = "1"});
    return json::object{};
  };
  std::vector<std::string> places;
  kernel_->submit({.service = "a",
                   .operation = "Ask",
                   .caller = {.account = "111122223333", .region = "eu-west-1"},
                   .reply = [](const Result<json::object>&) {}});
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  restart();
  const auto note = [&](const Context& context) {
    places.push_back(context.caller().account + "/" + context.caller().region);
  };
  a_->timer = [&](Context& context, const json::object&) { note(context); };
  a_->outcome = note;
  kernel_->outcome("a", {.id = "1"});
  kernel_->run_until_idle(start);
  EXPECT_THAT(places, ElementsAre("111122223333/eu-west-1", "111122223333/eu-west-1"));
  EXPECT_THAT(a_->heard, ElementsAre("start -", "outcome k {} {}", R"(timer {"id":"t"})"));
}

TEST_F(KernelTest, TimersFireInOrderOnceAndCanBeMoved) {
  a_->operations["Set"] = [](Context& context, const json::object&) {
    context.set_timer("a", "late", start + 2s, {{"id", "late"}});
    context.set_timer("a", "soon", start + 1s, {{"id", "soon"}});
    context.set_timer("a", "moved", start + 1s, {{"id", "never"}});
    context.set_timer("a", "moved", start + 24h, {{"id", "moved"}});
    context.set_timer("a", "gone", start + 1s, {{"id", "gone"}});
    context.cancel_timer("a", "gone");
    return json::object{};
  };
  submit("Set");
  const Timestamp end = kernel_->run_until_idle(start);
  EXPECT_THAT(a_->heard, ElementsAre("start -", R"(timer {"id":"soon"})", R"(timer {"id":"late"})",
                                     R"(timer {"id":"moved"})"));
  EXPECT_EQ(end, start + 24h);
  EXPECT_TRUE(store_.scan("timer", {}, SIZE_MAX).empty());
}

TEST_F(KernelTest, TimersOutliveTheKernel) {
  a_->operations["Set"] = [](Context& context, const json::object&) {
    context.put("a/row", "kept");
    context.set_timer("a", "t", start + 1s, {});
    return json::object{};
  };
  submit("Set");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_EQ(kernel_->next_timer(), start + 1s);
  restart();
  ASSERT_TRUE(kernel_->start(start, 1));
  EXPECT_EQ(kernel_->next_timer(), start + 1s);
  kernel_->run_until_idle(start);
  EXPECT_THAT(a_->heard, ElementsAre("start kept", "timer {}"));
}

TEST_F(KernelTest, AnEndlessChainOfTimersLeavesRoomForCommands) {
  a_->operations["Set"] = [](Context& context, const json::object&) {
    context.set_timer("a", "t", context.now(), {});
    return json::object{};
  };
  a_->timer = [](Context& context, const json::object&) {
    context.set_timer("a", "t", context.now(), {});
  };
  submit("Set");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  submit("Put", {{"Value", "1"}});
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre("{}", "{}"));
  EXPECT_EQ(kernel_->next_timer(), start);
}

TEST_F(KernelTest, EffectsAreHandedOverAfterTheCommitAndAgainAfterARestart) {
  a_->operations["Run"] = [](Context& context, const json::object&) {
    context.perform({.service = "a", .kind = "run", .id = "x/1", .payload = {{"n", 1}}});
    return json::object{};
  };
  submit("Run");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(sink_.performed, ElementsAre("a run x/1"));
  restart();
  ASSERT_TRUE(kernel_->start(start, 1));
  EXPECT_THAT(sink_.performed, ElementsAre("a run x/1", "a run x/1"));

  kernel_->outcome("a", {.id = "x/1", .final = false, .payload = {{"at", "half"}}});
  kernel_->outcome("a", {.id = "x/1", .payload = {{"at", "end"}}});
  kernel_->outcome("a", {.id = "x/1", .payload = {{"at", "again"}}});
  kernel_->run_until_idle(start);
  EXPECT_THAT(a_->heard, ElementsAre("start -", R"(outcome run {"n":1} {"at":"half"})",
                                     R"(outcome run {"n":1} {"at":"end"})"));
  restart();
  ASSERT_TRUE(kernel_->start(start, 1));
  EXPECT_EQ(sink_.performed.size(), 2);
}

TEST_F(KernelTest, AnOutcomeIsToldToBeCommittedOnceItIsAndThatOfAnUnknownEffectToo) {
  a_->operations["Run"] = [](Context& context, const json::object&) {
    context.perform({.service = "a", .kind = "run", .id = "x/1", .payload = {}});
    return json::object{};
  };
  submit("Run");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  std::vector<std::string> told;
  const auto tell = [&](const std::string& what) {
    return [&told, what] { told.push_back(what); };
  };
  kernel_->outcome("a", {.id = "x/1", .payload = {}}, tell("final"));
  kernel_->outcome("a", {.id = "x/1", .payload = {}}, tell("again"));
  EXPECT_THAT(told, ElementsAre());
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(told, ElementsAre("final", "again"));
}

TEST_F(KernelTest, EventsReachEveryServiceInTheSameBatch) {
  a_->operations["Publish"] = [](Context& context, const json::object&) {
    context.publish({.source = "one"});
    return json::object{};
  };
  b_->event = [](Context& context, const Event& event) {
    if (event.source == "one") context.publish({.source = "two", .region = "eu-west-1"});
    context.put("b/row", event.source);
  };
  submit("Publish");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_EQ(store_.commits, 1);
  EXPECT_EQ(store_.get("b/row"), "two");
  EXPECT_THAT(a_->heard, ElementsAre("start -", "event one ap-northeast-1", "event two eu-west-1"));
}

TEST_F(KernelTest, EventsReachOnlyTheServicesThatListTheirSource) {
  a_->operations["Publish"] = [](Context& context, const json::object&) {
    context.publish({.source = "three"});
    return json::object{};
  };
  submit("Publish");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(a_->heard, ElementsAre("start -"));
}

TEST_F(KernelTest, EventsThatFindNoFuelGoOnInTheNextBatch) {
  a_->operations["Publish"] = [](Context& context, const json::object&) {
    for (std::size_t i = 0; i < batch_fuel + 10; ++i) context.publish({.source = "one"});
    return json::object{};
  };
  submit("Publish");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_LT(a_->heard.size(), batch_fuel + 1);
  kernel_->run_until_idle(start);
  EXPECT_EQ(a_->heard.size(), batch_fuel + 11);
}

TEST_F(KernelTest, ALongPollEndsWhenItIsNotifiedOrItsTimeIsUp) {
  a_->operations["Receive"] = [](Context& context, const json::object&) -> Result<json::object> {
    const auto row = context.get("a/row");
    context.put("a/tries", context.get("a/tries").value_or("") + "x");
    if (!row && !context.last_attempt()) {
      context.defer("channel", context.now() + 20s);
      return json::object{};
    }
    return json::object{{"Row", row.value_or("none")}};
  };
  a_->operations["Send"] = [](Context& context, const json::object&) {
    context.put("a/row", "sent");
    context.notify("channel");
    return json::object{};
  };
  submit("Receive");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, IsEmpty());
  EXPECT_EQ(store_.get("a/tries"), std::nullopt);
  EXPECT_EQ(kernel_->next_timer(), start + 20s);
  submit("Send");
  ASSERT_TRUE(kernel_->run_batch(start + 1s, 1));
  EXPECT_THAT(replies_, ElementsAre("{}", R"({"Row":"sent"})"));
  EXPECT_EQ(kernel_->next_timer(), std::nullopt);

  ASSERT_TRUE(store_.commit({{"a/row", std::nullopt}}));
  submit("Receive");
  kernel_->run_until_idle(start + 2s);
  EXPECT_EQ(replies_.back(), R"({"Row":"none"})");
  // Called from within, or by a test, a long poll is a short one.
  EXPECT_EQ(kernel_->call("a", "Receive", {}, start), (json::object{{"Row", "none"}}));
}

TEST_F(KernelTest, AnotherOperationMayReplyAndWait) {
  a_->operations["Begin"] = [](Context& context, const json::object&) {
    context.put("a/begun", "yes");
    context.reply_with("Await", {{"Row", "a/row"}});
    return json::object{};
  };
  a_->operations["Await"] = [](Context& context, const json::object& input) {
    const auto row = context.get(std::string_view(input.at("Row").as_string()));
    if (!row) context.defer("channel", context.now() + 20s);
    return json::object{{"Row", row.value_or("")}};
  };
  a_->operations["Send"] = [](Context& context, const json::object&) {
    context.put("a/row", "sent");
    context.notify("channel");
    return json::object{};
  };
  submit("Begin");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, IsEmpty());
  EXPECT_EQ(store_.get("a/begun"), "yes");
  submit("Send");
  ASSERT_TRUE(kernel_->run_batch(start + 1s, 1));
  EXPECT_THAT(replies_, ElementsAre("{}", R"({"Row":"sent"})"));
}

TEST_F(KernelTest, AFailingStoreEndsAllWrites) {
  a_->operations["Receive"] = [](Context& context, const json::object&) -> Result<json::object> {
    context.defer("channel", context.now() + 20s);
    return json::object{};
  };
  submit("Receive");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  store_.failing = true;
  submit("Put", {{"Value", "1"}});
  EXPECT_EQ(kernel_->run_batch(start, 1).error().name, "StoreFailed");
  EXPECT_TRUE(kernel_->failed());
  EXPECT_THAT(replies_, ElementsAre("ServiceUnavailable", "ServiceUnavailable"));
  store_.failing = false;
  submit("Put", {{"Value", "2"}});
  EXPECT_EQ(kernel_->run_batch(start, 1).error().name, "StoreFailed");
  EXPECT_EQ(replies_.back(), "ServiceUnavailable");
  EXPECT_EQ(store_.get("a/row"), std::nullopt);
}

TEST_F(KernelTest, AnswersAFaultWithoutItsDetails) {
  a_->operations["Throw"] = [](Context&, const json::object&) -> Result<json::object> {
    throw services::DamagedRow("a/row", "boost.json:24");
  };
  const auto reply = kernel_->call("a", "Throw", {}, start);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(), (Error{"InternalFailure",
                                  "The request processing has failed because of an unknown error, "
                                  "exception or failure."}));
}

TEST_F(KernelTest, ADamagedRowFailsWhoReadsItAndNobodyElse) {
  for (const std::string_view damaged : {"", "{", "\xff", "[1]", "1", "{\"a\":\"\xed\xa0\x80\"}"}) {
    ASSERT_TRUE(store_.commit({{"a/bad", std::string(damaged)}, {"a/good", "{}"}}));
    a_->operations["Get"] = [](Context& context, const json::object& input) {
      return services::get_json(context, text(input, "Key")).value();
    };
    a_->operations["List"] = [](Context& context, const json::object&) {
      return json::object{{"Rows", services::list_json(context, "a/").size()}};
    };
    EXPECT_EQ(kernel_->call("a", "Get", {{"Key", "a/bad"}}, start).error().name, "InternalFailure");
    EXPECT_EQ(kernel_->call("a", "List", {}, start).error().name, "InternalFailure");
    EXPECT_TRUE(kernel_->call("a", "Get", {{"Key", "a/good"}}, start));
  }
}

TEST_F(KernelTest, ADamagedTimerHoldsNothingUp) {
  a_->operations["Set"] = [](Context& context, const json::object&) {
    context.set_timer("a", "t", start + 1s, {{"id", "t"}});
    return json::object{};
  };
  submit("Set");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  for (const char* key : {"timer/", "timer/x", "timer/0000000000000000000x/a/t",
                          "timer/99999999999999999999/a/t", "timer/~"})
    ASSERT_TRUE(store_.commit({{key, "{}"}}));
  restart();
  kernel_->run_until_idle(start);
  EXPECT_EQ(a_->heard.back(), R"(timer {"id":"t"})");
}

TEST_F(KernelTest, NeverWritesARowThatCannotBeRead) {
  const std::string bad = "\xff";
  a_->operations["Put"] = [&](Context& context, const json::object&) {
    services::put_json(context, "a/row", {{"Text", bad}});
    return json::object{};
  };
  a_->operations["Time"] = [&](Context& context, const json::object&) {
    context.set_timer("a", "t", start, {{"Text", bad}});
    return json::object{};
  };
  a_->operations["Act"] = [&](Context& context, const json::object&) {
    context.perform({.service = "a", .kind = "k", .id = "i", .payload = {{"Text", bad}}});
    return json::object{};
  };
  a_->operations["Key"] = [&](Context& context, const json::object&) {
    context.put("a/" + bad, "{}");
    return json::object{};
  };
  for (const char* operation : {"Put", "Time", "Act", "Key"})
    EXPECT_EQ(kernel_->call("a", operation, {}, start).error().name, "InternalFailure");
  EXPECT_THAT(store_.scan("", {}, SIZE_MAX), IsEmpty());
}

TEST_F(KernelTest, SecretsAndIdsOfABatchComeFromTwoStreams) {
  std::vector<std::string> drawn;
  a_->operations["Draw"] = [&](Context& context, const json::object&) {
    drawn.push_back(context.random().hex(32));
    drawn.push_back(context.secrets().hex(32));
    return json::object{};
  };
  for (const std::uint64_t seed : {1U, 2U, 1U})
    EXPECT_TRUE(kernel_->call("a", "Draw", {}, start, seed));
  ASSERT_EQ(drawn.size(), 6U);
  EXPECT_EQ((std::set<std::string>{drawn.begin(), drawn.begin() + 4}).size(), 4U);
  EXPECT_EQ(drawn[0], drawn[4]);
  EXPECT_EQ(drawn[1], drawn[5]);
}

TEST_F(KernelTest, TheSameCommandsTimesAndSeedsGiveTheSameRows) {
  const auto run = [&](std::uint64_t seed) {
    a_->operations["Random"] = [](Context& context, const json::object&) {
      context.put("a/row", context.random().uuid());
      return json::object{};
    };
    submit("Random");
    kernel_->run_until_idle(start, Timestamp::max(), seed);
    const std::string row = store_.get("a/row").value_or("");
    restart();
    return row;
  };
  const std::string first = run(7);
  EXPECT_EQ(run(7), first);
  EXPECT_NE(run(8), first);
}

TEST_F(KernelTest, RecordsDecisionsAndRoles) {
  a_->operations["Assume"] = [](Context& context, const json::object&) -> Result<json::object> {
    KIBAN_TRY_VOID(context.authorise("ecs:RunTask", "arn:x"));
    KIBAN_TRY(const services::Caller role,
              context.assume_role("arn:aws:iam::000000000000:role/path/name",
                                  "states.amazonaws.com", "s"));
    return json::object{{"Arn", role.arn}};
  };
  submit("Assume");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre(R"({"Arn":"arn:aws:sts::000000000000:assumed-role/name/s"})"));
  ASSERT_EQ(kernel_->recent_decisions().size(), 2);
  EXPECT_EQ(kernel_->recent_decisions().front().principal, "arn:aws:iam::000000000000:root");
  EXPECT_EQ(kernel_->recent_decisions().front().action, "ecs:RunTask");
  EXPECT_EQ(kernel_->recent_decisions().back().action, "sts:AssumeRole");
}

TEST_F(KernelTest, WhatAnOperationAskedTwiceIsDecidedOnce) {
  a_->operations["Ask"] = [](Context& context, const json::object&) -> Result<json::object> {
    KIBAN_TRY_VOID(context.authorise("ecs:RunTask", "arn:x"));
    KIBAN_TRY_VOID(context.authorise("ecs:RunTask", "arn:x"));
    return json::object{};
  };
  submit("Ask");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_EQ(kernel_->recent_decisions().size(), 1);
}

TEST_F(KernelTest, WithIamOffNothingIsDecided) {
  options_.iam = Iam::Off;
  restart();
  a_->operations["Ask"] = [](Context& context, const json::object&) -> Result<json::object> {
    KIBAN_TRY_VOID(context.authorise("ecs:RunTask", "arn:x"));
    KIBAN_TRY_VOID(context.assume_role("arn:aws:iam::000000000000:role/name", "x", "s"));
    return json::object{};
  };
  submit("Ask");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre("{}"));
  EXPECT_THAT(kernel_->recent_decisions(), IsEmpty());
}

TEST_F(KernelTest, UnderSigv4ARoleThatIsNotThereIsDenied) {
  options_.auth = Auth::Sigv4;
  restart();
  a_->operations["Assume"] = [](Context& context, const json::object&) -> Result<json::object> {
    KIBAN_TRY_VOID(
        context.assume_role("arn:aws:iam::000000000000:role/name", "states.amazonaws.com", "s"));
    return json::object{};
  };
  submit("Assume");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre("AccessDenied"));
  EXPECT_EQ(kernel_->recent_decisions().front().verdict, iam::Verdict::ImplicitlyDenied);
  EXPECT_TRUE(kernel_->recent_decisions().front().enforced);
}

// Counts, and fails when told to.
class CountingBlobs final : public store::Blobs {
 public:
  Result<std::string> put(std::string_view bytes) override {
    ++puts;
    return inner->put(bytes);
  }
  Result<void> put_all(const std::vector<std::string_view>& all) override {
    together.push_back(all.size());
    if (failing) return fail("StoreFailed", "no space left on device");
    return store::Blobs::put_all(all);
  }
  Result<std::string> read(std::string_view digest) const override { return inner->read(digest); }
  Result<void> adopt(std::string_view digest, const std::string& path) override {
    return inner->adopt(digest, path);
  }
  std::optional<std::string> file(std::string_view) const override { return std::nullopt; }
  std::unique_ptr<store::Blobs> inner{store::make_memory_blobs()};
  int puts{0};
  std::vector<std::size_t> together{};
  bool failing{false};
};

TEST_F(KernelTest, WritesSmallBlobsOfABatchTogetherBeforeItsRows) {
  CountingBlobs blobs;
  options_.blobs = &blobs;
  restart();
  a_->operations["Blob"] = [](Context& context, const json::object& input) -> Result<json::object> {
    const std::string digest = context.put_blob(text(input, "Bytes"));
    context.put("a/" + digest, "{}");
    if (flag(input, "Fails")) return fail("Failed", "and so nothing of it stays");
    return json::object{{"Read", context.read_blob(digest).value_or("")}};
  };
  for (const auto* bytes : {"one", "two"}) submit("Blob", {{"Bytes", bytes}});
  submit("Blob", {{"Bytes", "three"}, {"Fails", true}});
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre(R"({"Read":"one"})", R"({"Read":"two"})", "Failed"));
  EXPECT_THAT(blobs.together, ElementsAre(2U));
  EXPECT_TRUE(blobs.read(store::sha256_hex("one")));
  EXPECT_FALSE(blobs.read(store::sha256_hex("three")));
  // A large one is not held back.
  submit("Blob", {{"Bytes", std::string(300'000, 'x')}});
  ASSERT_TRUE(kernel_->run_batch(start, 2));
  EXPECT_EQ(blobs.puts, 3);
  EXPECT_EQ(blobs.together.size(), 1U);
  // Rows that name what is not there are never written.
  blobs.failing = true;
  submit("Blob", {{"Bytes", "four"}});
  EXPECT_FALSE(kernel_->run_batch(start, 3));
  EXPECT_EQ(store_.get("a/" + store::sha256_hex("four")), std::nullopt);
}

TEST_F(KernelTest, KeepsBlobsByDigest) {
  a_->operations["Blob"] = [](Context& context, const json::object&) -> Result<json::object> {
    KIBAN_TRY(const std::string bytes, context.read_blob(context.put_blob("abc")));
    return json::object{{"Bytes", bytes}};
  };
  submit("Blob");
  ASSERT_TRUE(kernel_->run_batch(start, 1));
  EXPECT_THAT(replies_, ElementsAre(R"({"Bytes":"abc"})"));
}

TEST(KernelTime, IsKeptWithWhatWasWritten) {
  const auto store = store::make_memory_store();
  EXPECT_EQ(kept_time(*store), std::nullopt);
  Kernel kernel{*store, {}, {.keep_time = true}};
  ASSERT_TRUE(kernel.run_batch(start, 1));
  EXPECT_EQ(kept_time(*store), std::nullopt);  // Nothing was written.
  kernel.keep("kernel/row", "text");
  EXPECT_TRUE(kernel.busy());
  ASSERT_TRUE(kernel.run_batch(start + 5s, 2));
  EXPECT_FALSE(kernel.busy());
  EXPECT_EQ(kept_time(*store), start + 5s);
  EXPECT_EQ(kernel.read("kernel/row"), "text");
}

}  // namespace
}  // namespace kiban::kernel
