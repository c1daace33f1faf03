"""The pages: signac-dashboard's application with this package's cards, search and access rules.

The application, login, the routes of project, jobs and search, and the interface of a module are
signac-dashboard's. ARCHITECTURE.md says which of its parts are replaced, and why.
"""

import secrets
from pathlib import Path
from typing import Any

import flask
import flask_login
import jinja2
from signac_dashboard import Dashboard
from signac_dashboard.dashboard import User
from werkzeug.exceptions import HTTPException

from .. import __version__
from ..errors import InputError
from ..run.flow_project import PatientProject
from ..space.conditions import LABELS, stage
from ..space.dataspace import point_of, protocol_of
from . import access, cards, compare, overview
from .frame import configuration, last_state
from .listing import Listing
from .refreshed import Refreshed
from .traces import folders_of, rows_so_far, traces

_HERE = Path(__file__).resolve().parent
#: Jobs on a page.
PER_PAGE = 50
#: Age, s, beyond which progress and findings are determined again when a page shows them.
PROGRESS_S, FINDINGS_S = 5.0, 30.0


#: Pages to which the browser is sent back after login; requests of scripts are not among them.
_PAGES = ("project_info", "jobs_list", "search", "show_job", "text", "compare")


class ViewedProject(PatientProject):
    """A data space that is only read, with signac-flow's labels."""

    def update_cache(self) -> None:
        """Read all state points, without the cache file that signac would write."""
        list(self)


for _name, _label in LABELS.items():
    ViewedProject.label(_name)(_label)


class SpaceDashboard(Dashboard):
    """The pages of one data space."""

    def __init__(self, project: ViewedProject, token: str, port: int) -> None:
        self.listing = Listing(project)
        self.listing.jobs()  # lists them now, so that the first page does not have to wait
        self.standing = Refreshed(lambda: overview.standing_of(project), PROGRESS_S)
        self.findings = Refreshed(lambda: overview.findings_of(project), FINDINGS_S)
        self.standing_card = cards.Standing(self.standing)
        super().__init__(
            config={
                "ACCESS_TOKEN": token,
                "PER_PAGE": PER_PAGE,
                # Browsers share cookies between the ports of a host; with one name, logging in to
                # one dashboard would log out of another.
                "SESSION_COOKIE_NAME": f"januspore-{port}",
                "SESSION_COOKIE_SAMESITE": "Lax",
                "MAX_CONTENT_LENGTH": 100_000,
            },
            project=project,
            modules=[
                self.standing_card,
                cards.Sentences(self.findings),
                cards.Figures(self.findings),
                cards.State(),
                cards.Frame(),
                cards.Document(),
                cards.Traces(),
                cards.StatePoint(),
                cards.Summary(),
                cards.Files(),
            ],
        )

    def _create_app(self, config: dict[str, Any] = {}) -> flask.Flask:  # noqa: B006 - as there
        app: flask.Flask = super()._create_app(config)
        theirs = app.jinja_loader
        app.jinja_loader = jinja2.ChoiceLoader(
            [jinja2.FileSystemLoader(_HERE / "templates"), *([theirs] if theirs else [])]
        )
        app.jinja_env.globals["version"] = __version__
        app.json.sort_keys = False  # type: ignore[attr-defined]
        app.after_request(access.secure)
        return app

    def _register_routes(self) -> None:
        super()._register_routes()
        app = self.app

        def page(rule: str, view: Any, name: str) -> None:
            app.add_url_rule(rule, name, flask_login.login_required(view))

        def instead(name: str, view: Any) -> None:
            app.view_functions[name] = flask_login.login_required(view)

        self.login_manager.unauthorized_handler(self._ask_for_token)
        app.register_error_handler(HTTPException, self._render_error)
        app.register_error_handler(404, self._render_error)
        app.register_error_handler(InputError, self._render_error)
        app.view_functions["login"] = self._login
        instead("search", self._search)
        instead("show_job", self._show_job)
        instead("get_file", self._get_file)
        for name in ("change_modules", "settings", "favicon"):
            instead(name, lambda: flask.abort(404))
        page("/progress", self._progress, "progress")
        page("/jobs/<jobid>/text/<path:filename>", self._text, "text")
        page("/jobs/<jobid>/traces.json", self._traces, "traces")
        page("/jobs/<jobid>/frame.json", self._frame, "frame")
        page("/results/<path:filename>", self._result, "result")
        page("/compare", self._compare, "compare")
        page("/compare.png", self._compare_figure, "compare_figure")
        app.add_url_rule("/own/<path:filename>", "own", _own)

    # --- access ----------------------------------------------------------------------------------

    def _ask_for_token(self) -> flask.Response:
        if flask.request.endpoint in _PAGES:
            flask.session["redirect_url"] = flask.request.url
        return flask.make_response(flask.render_template("login.html", wrong=False), 401)

    def _login(self) -> Any:
        given = flask.request.values.get("token")
        user = flask_login.current_user
        if given is not None and _same(given, self.config["ACCESS_TOKEN"]):
            flask_login.login_user(User(given))
            return flask.redirect(flask.session.pop("redirect_url", "/"))
        if given is None and user.is_authenticated:
            return flask.redirect("/")
        wrong = given is not None
        return flask.render_template("login.html", wrong=wrong), 403 if wrong else 200

    # --- signac-dashboard's pages ----------------------------------------------------------------

    def job_title(self, job: Any) -> str:
        """Return a job's membrane, protocol and seed."""
        return self.listing.title(job)

    def job_subtitle(self, job: Any) -> str:
        """Return a job's charges and its id."""
        return f"{self.listing.kind(job).charges}, job {job.id}"

    def _get_all_jobs(self) -> list[Any]:
        return self.listing.jobs()

    def _job_details(self, job: Any) -> dict[str, Any]:
        charges = self.listing.kind(job).charges
        return {"job": job, "title": self.job_title(job), "charges": charges, "stage": stage(job)}

    def _render_error(self, error: Any) -> Any:
        told = getattr(error, "description", None) or str(error)
        status = getattr(error, "code", 400)
        return flask.render_template("error.html", told=told), status

    def _search(self) -> Any:
        question = flask.g.query = flask.request.args.get("q", "")
        jobs = self.listing.search(question)
        flask.g.pagination = self._setup_pagination(jobs)
        flask.g.jobs = self._get_job_details(flask.g.pagination.paginate(jobs))
        flask.g.subtitle = f"{len(jobs)} of {len(self.listing.jobs())} jobs: {question}"
        return self._render_job_view()

    def _render_job_view(self, *_arguments: Any, **_keys: Any) -> str:
        flask.g.active_page = "jobs"
        flask.g.setdefault("subtitle", f"{len(self.listing.jobs())} jobs")
        questions = self.listing.questions()
        return flask.render_template("jobs_list.html", questions=questions)

    def _render_project_view(self, *_arguments: Any, **_keys: Any) -> str:
        flask.g.active_page = "project"
        flask.g.subtitle = self.project.path
        name = Path(self.project.path).name
        return flask.render_template("project_info.html", name=name)

    def _show_job(self, jobid: str) -> Any:
        job = self._job(jobid)
        flask.g.active_page = "jobs"
        title, subtitle = self.job_title(job), self.job_subtitle(job)
        shown = [
            one
            for module in self._modules_by_context["JobContext"]
            for one in module.get_cards(job)
        ]
        return flask.render_template("job.html", title=title, subtitle=subtitle, cards=shown)

    def _job(self, jobid: str) -> Any:
        jobs = [job for job in self.listing.jobs() if job.id == jobid]
        if not jobs:
            flask.abort(404, f"There is no job {jobid} in this data space; it may be deleted.")
        return jobs[0]

    # --- files -----------------------------------------------------------------------------------

    def _get_file(self, filename: str, jobid: str | None = None) -> Any:
        if jobid is None:  # files outside results/ and the workspace are not served
            flask.abort(404)
        return access.served(access.inside(self.project, self._job(jobid).path, filename))

    def _result(self, filename: str) -> Any:
        results = str(Path(self.project.path, "results"))
        return access.served(access.inside(self.project, results, filename))

    def _text(self, jobid: str, filename: str) -> Any:
        job = self._job(jobid)
        text, whole = access.beginning(access.inside(self.project, job.path, filename))
        about = {"title": filename, "subtitle": self.job_title(job), "job": job.id}
        return flask.render_template("text.html", text=text, whole=whole, name=filename, **about)

    # --- data for the scripts --------------------------------------------------------------------

    def _progress(self) -> Any:
        return flask.render_template(
            "cards/standing.html", **self.standing_card.about(self.project)
        )

    def _traces(self, jobid: str) -> Any:
        job, ask = self._job(jobid), flask.request.args
        protocol = protocol_of(job)
        folders = list(folders_of(job, protocol).values())
        number = ask.get("run", 0, type=int)
        if not 0 <= number < len(folders):
            flask.abort(404, "There is no such branch.")
        try:
            rows = rows_so_far(folders[number], job.id)
        except InputError as error:
            return {"fault": str(error)}, 500
        if rows is None:
            return {"fault": "nothing is recorded yet"}, 404
        return traces(rows, protocol, ask.get("from", type=float), ask.get("to", type=float))

    def _frame(self, jobid: str) -> Any:
        job = self._job(jobid)
        state = last_state(job)
        if state is None:
            return {"fault": "no configuration is kept yet"}, 404
        return configuration(state, point_of(job))

    # --- comparison ------------------------------------------------------------------------------

    def _compare(self) -> Any:
        flask.g.active_page = "compare"
        asked = flask.request.args
        keys, show = asked.getlist("e"), asked.get("show", "")
        about = compare.page(self.listing, asked.get("q", ""), keys, show)
        return flask.render_template("compare.html", **about)

    def _compare_figure(self) -> Any:
        asked = flask.request.args
        png = compare.figure(self.listing, asked.getlist("e"), asked.get("show", ""))
        return flask.Response(png, mimetype="image/png")


def _own(filename: str) -> flask.Response:
    """Send this package's scripts and styles; they need no login, as they contain no data."""
    return flask.send_from_directory(_HERE / "static", filename, max_age=300)


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())
