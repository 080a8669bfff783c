"""The knowledge base's tables."""

import importlib.util
import os
import unittest
from unittest import mock

HAS_SQLALCHEMY = importlib.util.find_spec("sqlalchemy") is not None


@unittest.skipUnless(HAS_SQLALCHEMY, "SQLAlchemy is not installed")
class KnowledgeBaseTest(unittest.TestCase):
    def test_a_task_group_is_stored_and_found(self):
        with mock.patch.dict(os.environ, {"KB_URL": "sqlite://"}):
            from sedna.service.server.knowledgeBase import database, model
        from sqlalchemy import create_engine
        from sqlalchemy.pool import StaticPool

        engine = create_engine("sqlite://", poolclass=StaticPool)
        self.addCleanup(engine.dispose)
        database.Base.metadata.create_all(bind=engine)
        with database.SessionLocal(bind=engine) as session:
            group, is_new = model.get_or_create(
                session, model.TaskGrp, name="night"
            )
            self.assertTrue(is_new)
            session.add(group)
            session.commit()
            _, is_new = model.get_or_create(
                session, model.TaskGrp, name="night"
            )
            self.assertFalse(is_new)


if __name__ == "__main__":
    unittest.main()
