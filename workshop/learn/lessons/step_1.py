"""The lesson of step 1."""

from workshop.learn.hint import BOARD
from workshop.learn.lessons import point

POINTS = [
    point(
        "the board is at /",
        "TestStart::test_the_server_answers",
        expected='The page at / is the notice board, with the heading "Notice board".',
        more='board/urls.py sends the empty path to views.board: path("", views.board, '
        'name="board").',
        file="board/urls.py",
        section="What we have",
        part="urlpatterns",
    ),
    point(
        "the page has its style sheet",
        "TestBoard::test_the_style_sheet_is_served",
        expected="The style sheet is at /static/notices/board.css.",
        more="Django finds it by its place: notices/static/notices/board.css. The app "
        '"django.contrib.staticfiles" has to be in INSTALLED_APPS.',
        file="notices/static/notices/board.css",
        section="What can go wrong",
    ),
    point(
        "a posted notice is on the board",
        "TestBoard::test_a_posted_notice_is_on_the_board",
        expected="The view takes a form and saves it; the board then shows who says what.",
        more="form = NoticeForm(request.POST or None), then form.save() if form.is_valid(). The "
        "template goes through `notices`, and includes notice.html for each.",
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "a post is answered with a redirect",
        "TestBoard::test_a_post_is_answered_with_a_redirect",
        expected="The view takes a form, saves it, and redirects, so that a reload doesn't post "
        "twice.",
        more='After form.save() comes: return redirect("board").',
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "the newest notice is on top",
        "TestBoard::test_the_newest_notice_is_on_top",
        expected="The newest notice comes first: nobody scrolls in a hallway.",
        more='The model says so for everybody who asks: class Meta, ordering = ["-id"].',
        file="notices/models.py",
        section="What changes",
        part="Notice.Meta",
    ),
    point(
        "the board shows the last fifty",
        "TestBoard::test_the_page_lists_the_last_fifty",
        expected="The board shows the last 50 notices, and no more.",
        more="A slice of the query is enough: Notice.objects.all()[:50].",
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "an empty field is refused, and the page says why",
        "TestBoard::test_an_empty_field_is_refused_and_the_page_says_why[   ]",
        expected="A form that isn't valid isn't saved, and the page shows it again with its "
        "errors.",
        more="The form that was refused is what the template gets: {{ form }} then shows its "
        "errors and what was typed.",
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "a notice has at most 280 characters",
        "TestBoard::test_a_text_that_is_too_long_is_refused_and_kept_in_the_form",
        expected="A text of more than 280 characters is refused, and stays in the form.",
        more="The model knows the length, and the form asks the model: text = models.CharField("
        '"notice", max_length=280).',
        file="notices/models.py",
        section="What changes",
        part="Notice",
    ),
    point(
        "text is shown as text",
        "TestBoard::test_text_is_shown_as_text",
        expected="Somebody will post <script>: what is posted never becomes part of the page's "
        "HTML.",
        more="Django's templates see to it by themselves, unless they are told not to: no |safe "
        "and no autoescape off.",
        file="notices/templates/notices/notice.html",
        section="What changes",
    ),
    point(
        "a page from elsewhere can't post",
        "TestBoard::test_a_post_from_another_site_is_refused",
        expected="A post needs the token that is in the page's own form.",
        more="{% csrf_token %} in the form, and CsrfViewMiddleware in the settings.",
        file=BOARD,
        section="What changes",
        part="<form",
    ),
    point(
        "what the organisers write is marked as official",
        "TestBoard::test_what_the_organisers_post_is_official",
        "TestBoard::test_a_visitor_cannot_post_as_official",
        expected="What the organisers write while they are logged in is marked as official, and "
        "what anybody else writes is not.",
        more="Before the form is saved: form.instance.official = request.user.is_staff. It is no "
        "field of the form: a browser may send anything.",
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "the organisers can add a notice in the admin",
        "TestBoard::test_the_organisers_can_add_a_notice_in_the_admin",
        expected="The admin, which comes with Django, knows the notices.",
        more="@admin.register(Notice) in notices/admin.py, and admin.site.urls in board/urls.py.",
        file="notices/admin.py",
        section="What we have",
    ),
    point(
        "the page works without JavaScript",
        "TestWindow::test_it_works_without_javascript",
        expected="In a browser: write a name and a notice, press Post, and it is on the board.",
        more='The form is sent by its button: <form method="post">, {{ form }} and '
        "<button>Post</button>.",
        file=BOARD,
        section="See it",
        part="<form",
    ),
    point(
        "another window stays old until it is reloaded",
        "TestStillHurts::test_another_window_stays_old_until_it_is_reloaded",
        expected="The right window can't know: it shows the notice once it is reloaded, by the "
        'link "reload".',
        more='The page says when it is from, and has <a href="">reload</a> beside it.',
        file=BOARD,
        section="What hurts",
    ),
]
