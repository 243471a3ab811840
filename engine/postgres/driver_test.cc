// Against the PostgreSQL of this host; skipped where there is none.
#include "postgres/driver.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>

#include "postgres/backup.h"
#include "postgres/egress.h"
#include "postgres/server.h"
#include "runtime/task_log.h"

namespace kiban::postgres {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

// The reports of one effect; a driver may outlive this object and report more.
class Reports {
 public:
  runtime::Report report() {
    return
        [heard = heard_](const services::Outcome& outcome, const std::function<void()>& committed) {
          const std::lock_guard lock{heard->mutex};
          if (committed) committed();
          if (const json::array* lines = find_array(outcome.payload, "Logs"))
            for (const json::value& line : *lines) {
              const std::string message = to_string(line.at("Message").as_string());
              heard->longest_line = std::max(heard->longest_line, message.size());
              heard->log += message + "\n";
            }
          else
            heard->outcomes.push_back(outcome);
          heard->wake.notify_all();
        };
  }
  services::Outcome next() {
    std::unique_lock lock{heard_->mutex};
    if (!heard_->wake.wait_for(lock, 60s, [this] { return !heard_->outcomes.empty(); })) {
      ADD_FAILURE() << "nothing was reported";
      return {};
    }
    const services::Outcome first = heard_->outcomes.front();
    heard_->outcomes.pop_front();
    return first;
  }

  bool logs(const std::string& words) {
    std::unique_lock lock{heard_->mutex};
    return heard_->wake.wait_for(lock, 60s,
                                 [&] { return heard_->log.find(words) != std::string::npos; });
  }
  std::size_t longest_line() {
    const std::lock_guard lock{heard_->mutex};
    return heard_->longest_line;
  }

 private:
  struct Heard {
    std::mutex mutex{};
    std::condition_variable wake{};
    std::deque<services::Outcome> outcomes{};
    std::string log{};
    std::size_t longest_line{0};
  };
  std::shared_ptr<Heard> heard_{std::make_shared<Heard>()};
};

std::string text(const services::Outcome& outcome, std::string_view key) {
  const json::string* found = find_string(outcome.payload, key);
  return found ? to_string(*found) : "";
}

class PostgresDriver : public testing::Test {
 protected:
  void SetUp() override {
    if (postgres_folders().empty())
      GTEST_SKIP() << "PostgreSQL is not installed: apt-get install postgresql-15";
    root_ = fs::temp_directory_path() /
            ("kiban-postgres-test-" + std::to_string(std::random_device{}()));
    restart();
  }
  void TearDown() override {
    driver_.reset();
    fs::remove_all(root_);
  }
  void restart() {
    driver_.reset();
    driver_ = std::make_unique<Driver>(Options{.directory = root_, .folders = postgres_folders()});
  }
  static json::object plan(const std::string& password = "it's a \\ 'secret'") {
    return {
        {"Directory", "one"}, {"Database", "app"}, {"User", "app_user"}, {"Password", password}};
  }
  void perform(const std::string& kind, json::object payload, Reports& reports) {
    driver_->perform({.service = "rds", .kind = kind, .id = kind, .payload = std::move(payload)},
                     reports.report());
  }
  std::int64_t start(Reports& reports, json::object payload = plan()) {
    perform("postgres.run", std::move(payload), reports);
    const services::Outcome outcome = reports.next();
    EXPECT_EQ(text(outcome, "Status"), "available") << print_json(outcome.payload);
    EXPECT_FALSE(outcome.final);
    const json::value* port = find(outcome.payload, "Port");
    return port ? port->to_number<std::int64_t>() : 0;
  }
  // As a client over TCP, with a password.
  static Result<std::string> query(std::int64_t port, const std::string& sql,
                                   const std::string& password = "it's a \\ 'secret'",
                                   const std::string& user = "app_user") {
    return runtime_query(port, sql, password, user);
  }
  static Result<std::string> runtime_query(std::int64_t port, const std::string& sql,
                                           const std::string& password, const std::string& user) {
    return run_program(
        {"env", "PGPASSWORD=" + password, postgres_folders().front() + "/psql", "--no-psqlrc",
         "--tuples-only", "--no-align", "--host=127.0.0.1", "--port=" + std::to_string(port),
         "--username=" + user, "--dbname=app", "--set=ON_ERROR_STOP=1", "--command=" + sql},
        "/");
  }
  std::optional<long> pid() const { return Server{root_ / "one", postgres_folders()}.pid(); }

  fs::path root_{};
  std::unique_ptr<Driver> driver_{};
};

TEST_F(PostgresDriver, MakesADatabaseForItsMasterUser) {
  Reports run;
  const std::int64_t port = start(run);
  EXPECT_EQ(query(port,
                  "SELECT current_user, current_database(), rolsuper, rolcreatedb "
                  "FROM pg_roles WHERE rolname = current_user"),
            "app_user|app|f|t");
  EXPECT_EQ(query(port, "CREATE TABLE t (n int)"), "CREATE TABLE");
  EXPECT_EQ(query(port, "SHOW timezone"), "UTC");
  EXPECT_FALSE(query(port, "SELECT 1 / 0"));
  EXPECT_TRUE(run.logs("division by zero"));
  EXPECT_THAT(query(port, "SELECT 1", "wrong").error().cause, HasSubstr("password"));
  EXPECT_FALSE(query(port, "SELECT 1", "", "rdsadmin"));
  struct stat data{};
  ASSERT_EQ(::stat((root_ / "one" / "data").c_str(), &data), 0);
  EXPECT_NE(data.st_uid, 0U);
}

TEST_F(PostgresDriver, ALongLineOfTheLogComesInPieces) {
  Reports run;
  const std::int64_t port = start(run);
  EXPECT_FALSE(query(port,
                     "DO $$ BEGIN RAISE WARNING '%', repeat('x', 3000000); "
                     "RAISE EXCEPTION 'after it'; END $$"));
  EXPECT_TRUE(run.logs("after it"));
  EXPECT_EQ(run.longest_line(), runtime::log_line_bytes_max);
}

TEST_F(PostgresDriver, ReadsNothingThatAClientPutInPlaceOfItsFiles) {
  Reports run;
  start(run);
  const fs::path data = root_ / "one" / "data";
  const auto number = pid();
  ASSERT_TRUE(number);
  fs::rename(data / "postmaster.pid", data / "kept");
  fs::create_symlink("kept", data / "postmaster.pid");
  EXPECT_FALSE(pid());
  fs::remove(data / "postmaster.pid");
  ASSERT_EQ(::mkfifo((data / "postmaster.pid").c_str(), 0600), 0);
  EXPECT_FALSE(pid());  // And does not wait for a writer.
  fs::remove(data / "postmaster.pid");
  fs::rename(data / "kept", data / "postmaster.pid");
  EXPECT_EQ(pid(), number);
}

// As the superuser, which no client can be: calls that a client could reach in other ways.
TEST_F(PostgresDriver, AServerConnectsToDatabasesOnly) {
  if (::geteuid() != 0 || nft_program().empty()) GTEST_SKIP() << "egress is open here";
  Reports run;
  const std::int64_t port = start(run);
  const auto connect = [&](std::int64_t to) {
    const auto done = run_program(
        {postgres_folders().front() + "/psql", "--no-psqlrc",
         "--host=" + (root_ / "one" / "data").string(), "--port=" + std::to_string(port),
         "--username=rdsadmin", "--dbname=app", "--set=ON_ERROR_STOP=1",
         "--command=CREATE EXTENSION IF NOT EXISTS dblink",
         fmt::format("--command=SELECT dblink_connect('host=127.0.0.1 port={} user=nobody "
                     "connect_timeout=2')",
                     to)},
        "/");
    return done ? std::string("connected") : done.error().cause;
  };
  const int service = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(service, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(service, 1), 0);
  socklen_t size = sizeof name;
  ASSERT_EQ(::getsockname(service, reinterpret_cast<sockaddr*>(&name), &size), 0);
  EXPECT_THAT(connect(ntohs(name.sin_port)), HasSubstr("Connection refused"));
  EXPECT_THAT(connect(port), HasSubstr("password"));  // A database answers.
  ::close(service);
  driver_.reset();
  const auto tables = run_program({nft_program(), "list", "tables"}, "/");
  ASSERT_TRUE(tables) << tables.error().cause;
  EXPECT_EQ(tables->find("kiban_db_"), std::string::npos) << *tables;
}

TEST_F(PostgresDriver, AServerThatDiedStartsAgainOnItsPort) {
  Reports run;
  const std::int64_t port = start(run);
  ASSERT_TRUE(query(port, "CREATE TABLE kept AS SELECT 42 AS n"));
  ::kill(static_cast<pid_t>(pid().value()), SIGKILL);
  const services::Outcome again = run.next();
  EXPECT_EQ(text(again, "Status"), "available") << print_json(again.payload);
  EXPECT_EQ(again.payload.at("Port"), port);
  EXPECT_EQ(query(port, "SELECT n FROM kept"), "42");
}

TEST_F(PostgresDriver, StopsWithItsDriverAndStartsWithTheNext) {
  Reports run;
  const std::int64_t port = start(run);
  ASSERT_TRUE(query(port, "CREATE TABLE kept AS SELECT 42 AS n"));
  restart();
  EXPECT_FALSE(query(port, "SELECT 1"));
  Reports next;
  EXPECT_EQ(start(next), port);
  EXPECT_EQ(query(port, "SELECT n FROM kept"), "42");
}

TEST_F(PostgresDriver, StopsAServerThatItHadNoTimeToAdopt) {
  Reports run;
  start(run);
  driver_->leave();
  restart();
  ASSERT_TRUE((Server{root_ / "one", postgres_folders()}.alive()));
  restart();
  EXPECT_FALSE((Server{root_ / "one", postgres_folders()}.alive()));
}

TEST_F(PostgresDriver, AServerThatWasLeftGoesOnAndIsAdopted) {
  Reports run;
  const std::int64_t port = start(run);
  const auto before = pid();
  ASSERT_TRUE(before);
  driver_->leave();
  driver_.reset();
  EXPECT_EQ(query(port, "SELECT 1"), "1");
  restart();
  Reports next;
  EXPECT_EQ(start(next), port);
  EXPECT_EQ(pid(), before);
}

TEST_F(PostgresDriver, ChangesThePasswordAndKeepsItOverAStop) {
  Reports run;
  start(run);
  Reports password;
  perform("postgres.password", {{"Directory", "one"}, {"User", "app_user"}, {"Password", "new"}},
          password);
  EXPECT_EQ(text(password.next(), "Status"), "changed");
  Reports stop;
  perform("postgres.stop", {{"Directory", "one"}}, stop);
  EXPECT_EQ(text(stop.next(), "Status"), "stopped");
  EXPECT_EQ(text(run.next(), "Status"), "ended");
  Reports again;
  const std::int64_t port = start(again);
  EXPECT_EQ(query(port, "SELECT 1", "new"), "1");
  EXPECT_FALSE(query(port, "SELECT 1"));
}

TEST_F(PostgresDriver, DeletingLeavesTheSnapshotOrNothing) {
  Reports run;
  const std::int64_t port = start(run);
  ASSERT_TRUE(query(port, "CREATE TABLE kept AS SELECT 42 AS n"));
  Reports deletion;
  perform("postgres.delete", {{"Directory", "one"}, {"Snapshot", "snapshots/s"}}, deletion);
  EXPECT_EQ(text(deletion.next(), "Status"), "deleted");
  EXPECT_FALSE(fs::exists(root_ / "one"));
  Reports restored;
  json::object payload = plan("another one");
  payload["Restore"] = "snapshots/s";
  const std::int64_t again = start(restored, payload);
  EXPECT_EQ(query(again, "SELECT n FROM kept", "another one"), "42");
  Reports forgotten;
  perform("postgres.delete", {{"Directory", "snapshots/s"}}, forgotten);
  EXPECT_EQ(text(forgotten.next(), "Status"), "deleted");
  EXPECT_FALSE(fs::exists(root_ / "snapshots" / "s"));
  EXPECT_EQ(fs::exists(root_ / "one" / "uid"), ::geteuid() == 0);
}

TEST_F(PostgresDriver, ABackupOfARunningServerIsRestoredElsewhere) {
  Reports run;
  const std::int64_t port = start(run);
  ASSERT_TRUE(query(port, "CREATE TABLE kept AS SELECT 42 AS n"));
  const fs::path backup = root_.string() + "-backup";
  const fs::path other = root_.string() + "-other";
  const auto copied = back_up_servers(root_.string(), postgres_folders(), backup.string());
  EXPECT_EQ(copied.value_or(0), 1U) << (copied ? "" : copied.error().cause);
  ASSERT_TRUE(query(port, "UPDATE kept SET n = 43"));  // It went on, and the copy is not changed.
  driver_.reset();
  const auto restored = restore_servers(backup.string(), other.string());
  ASSERT_TRUE(restored) << restored.error().cause;
  {
    Driver driver{{.directory = other.string(), .folders = postgres_folders()}};
    Reports again;
    driver.perform({.service = "rds", .kind = "postgres.run", .id = "x", .payload = plan()},
                   again.report());
    const services::Outcome outcome = again.next();
    ASSERT_EQ(text(outcome, "Status"), "available") << print_json(outcome.payload);
    EXPECT_EQ(query(outcome.payload.at("Port").to_number<std::int64_t>(), "SELECT n FROM kept"),
              "42");
  }
  fs::remove_all(backup);
  fs::remove_all(other);
}

TEST_F(PostgresDriver, ABackupTakesAStoppedServerAsItIs) {
  Reports run;
  const std::int64_t port = start(run);
  ASSERT_TRUE(query(port, "CREATE TABLE kept AS SELECT 42 AS n"));
  driver_.reset();
  const fs::path backup = root_.string() + "-backup";
  EXPECT_EQ(back_up_servers(root_.string(), postgres_folders(), backup.string()), 0U);
  fs::remove_all(root_);
  ASSERT_TRUE(restore_servers(backup.string(), root_.string()));
  restart();
  Reports again;
  EXPECT_EQ(query(start(again), "SELECT n FROM kept"), "42");
  fs::remove_all(backup);
}

TEST_F(PostgresDriver, TakesTheNamedPortOrFails) {
  Reports run;
  const std::int64_t port = start(run);
  Reports other;
  perform("postgres.run", {{"Directory", "two"}, {"User", "u"}, {"Password", "p"}, {"Port", port}},
          other);
  const services::Outcome refused = other.next();
  EXPECT_EQ(text(refused, "Error"), "PortTaken");
  EXPECT_THAT(text(refused, "Cause"), HasSubstr(std::to_string(port)));
  Reports third;
  EXPECT_NE(start(third, {{"Directory", "three"}, {"User", "u"}, {"Password", "p"}}), port);
}

TEST(PostgresWithoutPrograms, NamesThePackage) {
  const fs::path root =
      fs::temp_directory_path() / ("kiban-postgres-none-" + std::to_string(std::random_device{}()));
  Driver driver{{.directory = root, .folders = {}, .erase_at_end = true}};
  Reports run;
  driver.perform({.kind = "postgres.run", .payload = {{"Directory", "one"}}}, run.report());
  const services::Outcome refused = run.next();
  EXPECT_EQ(text(refused, "Status"), "failed");
  EXPECT_FALSE(refused.final);
  EXPECT_THAT(text(refused, "Cause"), HasSubstr("apt-get install postgresql-15"));
}

}  // namespace
}  // namespace kiban::postgres
